-- What became of each national procedure, list by list: with the names and dates in it, the catalogue of any day can be told.
alter table national_procedures
  -- Levels that do it, as far as its full record says.
  add column levels text[] not null default '{}',
  -- Since when applied lists lack it. Absence never closes a procedure: lists come incomplete.
  add column missing_since timestamptz;

-- The rows of a list that was held, for a person who looks at it and applies it; of the newest one alone.
alter table pulls add column list jsonb, add column decided_by text, add column why text;

create table national_changes (
  id bigint generated always as identity primary key,
  pull_id bigint not null references pulls,
  at timestamptz not null default now(),
  code text not null,
  kind text not null
    check (kind in ('new', 'renamed', 'republished', 'withdrawn', 'reopened', 'moved', 'other-field', 'missing', 'found')),
  before text,
  after text,
  -- Dossiers under it, and mappings to it, when it changed.
  dossiers integer not null,
  mappings integer not null
);
create index national_changes_pull on national_changes (pull_id, id);
create index national_changes_code on national_changes (code, id);
