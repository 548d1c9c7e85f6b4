-- What reconciliation finds, from the run that found it until it is gone: seen again, acted on, checked again, closed.
create table discrepancies (
  id bigint generated always as identity primary key,
  -- Of the dossier.
  code text not null,
  -- Null: the ledger does not hold it.
  agency_code text,
  kind text not null check (kind in ('different', 'missing-there', 'missing-here', 'missing-everywhere')),
  fields jsonb not null,
  opened_at timestamptz not null default now(),
  opened_run bigint not null references reconciliation_runs,
  seen_at timestamptz not null default now(),
  seen_run bigint not null references reconciliation_runs,
  -- In how many runs.
  seen integer not null default 1,
  -- What was done since it was last seen; null: nothing.
  act text check (act in ('resend', 'accept', 'ignore')),
  acted_at timestamptz,
  acted_by text,
  why text,
  closed_at timestamptz,
  -- `agreed`: a later run saw both sides agree.
  closed_how text check (closed_how in ('agreed', 'accept', 'ignore')),
  closed_run bigint references reconciliation_runs,
  check ((closed_at is null) = (closed_how is null))
);
create unique index discrepancies_open on discrepancies (code) where closed_at is null;
create index discrepancies_settled on discrepancies (code, id) where closed_how in ('accept', 'ignore');
create index discrepancies_kind on discrepancies (kind, id) where closed_at is null;

alter table reconciliation_runs
  -- The service carries it out; otherwise whoever started it does.
  add column served boolean not null default false,
  -- A worker has it until then, or it is not to be taken up before.
  add column carried_until timestamptz;
create index reconciliation_runs_served on reconciliation_runs (id) where state = 'running' and served;
create index reconciliation_runs_daily on reconciliation_runs (id) where scope ? 'daily';
