-- What is needed to tell how a dossier stood at the end of any past month, in clear and without personal data. `course_revision` null or older
-- than the rules: not judged yet (dvcqg score recompute).
alter table dossiers
  add column course_revision smallint,
  -- How it ended, as a status; or open, new, unmapped.
  add column end_kind text,
  -- When, where the content says so; otherwise its steps may.
  add column ended_at timestamptz,
  -- The citizen's time, by the supplements of the content; null: it has none, its steps decide.
  add column pauses tstzmultirange,
  -- From here on a supplement was asked for, and nobody says until when.
  add column pauses_untold_from timestamptz;
-- What had not ended by some moment.
create index dossiers_ended on dossiers ((coalesce(ended_at, 'infinity'::timestamptz)));

-- Monthly counters as they were sent to the portal, one row for each time: none is ever changed but for what became of it.
create table counter_reports (
  id bigint generated always as identity primary key,
  -- First day of the month.
  month date not null,
  agency_code text not null,
  -- As it was called at the end of the month.
  agency_name text not null,
  kind text not null,
  version integer not null,
  -- Of the definitions by which it was counted.
  rules text not null,
  figures jsonb not null,
  -- `unknown` also while it is on its way: whoever dies then leaves it to a person.
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'unknown', 'refused')),
  asked_by text not null,
  asked_at timestamptz not null default now(),
  next_at timestamptz not null default now(),
  -- Whose call may be under way, until then.
  claim uuid,
  carried_until timestamptz,
  -- The last answer: our code for it, then the portal's own.
  failure text,
  code text,
  message text,
  exchange_id bigint,
  answered_at timestamptz,
  -- A person's word on an outcome that was unknown.
  decided_by text,
  decided_at timestamptz,
  decided_why text,
  unique (month, agency_code, kind, version)
);
-- One at a time: as long as one waits or may have been taken, no other follows.
create unique index counter_reports_open on counter_reports (month, agency_code, kind) where state in ('waiting', 'unknown');
