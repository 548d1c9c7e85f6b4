-- Decisions about local codes. `mappings` keeps holding only what maps, so that a process of the version before, during a rolling upgrade,
-- never sends by something that was suggested or rejected.

alter table mappings add column source text;
do $$ begin
  -- Its name was cut to fit by the server.
  execute 'alter table mappings drop constraint ' || quote_ident(conname)
    from pg_constraint where conrelid = 'mappings'::regclass and contype = 'u';
end $$;
alter table mappings add constraint mappings_once
  unique nulls not distinct (local_code, national_code, source, agency_code, level, valid_from, valid_to);

-- What was decided about a local code that is no mapping: this national code is not it (`rejected`), or what became of the question.
create table mapping_verdicts (
  local_code text not null,
  agency_code text,
  national_code text,
  verdict text not null check (verdict in ('rejected', 'no-national-code', 'ask-ministry', 'later')),
  decided_at timestamptz not null default now(),
  decided_by text not null,
  why text not null,
  check ((verdict = 'rejected') = (national_code is not null)),
  unique nulls not distinct (local_code, agency_code, national_code)
);

-- Who decided what, when and why; a decision has many rows, and is undone as a whole.
create table mapping_decisions (
  id bigint generated always as identity primary key,
  decided_at timestamptz not null default now(),
  decided_by text not null,
  why text not null,
  undoes bigint unique references mapping_decisions
);
create table mapping_decision_rows (
  decision_id bigint not null references mapping_decisions,
  position integer not null,
  kind text not null check (kind in ('mapping', 'verdict')),
  local_code text not null,
  -- The row before and after, as it stands in its table; null where there was none.
  before jsonb,
  after jsonb,
  primary key (decision_id, position)
);
create index mapping_decision_rows_code on mapping_decision_rows (local_code);

-- Which version of the catalogue last concerned everything, and which concerned one local code alone: a lane that was
-- blocked under an older one is judged again. What a process of the version before raises concerns everything.
alter table catalogue_version add column general bigint not null default 0, add column narrow boolean not null default false;
update catalogue_version set general = version;
create function catalogue_version_kind() returns trigger language plpgsql as $$
begin
  if not new.narrow then new.general := new.version; end if;
  new.narrow := false;
  return new;
end $$;
create trigger catalogue_version_kind before update on catalogue_version for each row execute function catalogue_version_kind();
create table catalogue_codes (
  local_code text primary key,
  version bigint not null,
  raised_at timestamptz not null default now(),
  -- Looked at once more when every lane that was blocked by an older catalogue must have been committed: nothing is left then.
  settled boolean not null default false
);
create index catalogue_codes_open on catalogue_codes (local_code) where not settled;

-- Every name that a national procedure ever had here: provinces' lists keep old ones for years.
create table national_names (
  code text not null,
  name text not null,
  first_seen_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  primary key (code, name)
);
insert into national_names (code, name, first_seen_at, last_seen_at) select code, name, seen_at, seen_at from national_procedures;
