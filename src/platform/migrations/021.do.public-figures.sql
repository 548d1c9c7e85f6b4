-- Fetches of the portal's public figures, those that failed as well: the newest complete one holds, and nothing that is not complete takes its place.
create table public_fetches (
  id bigint generated always as identity primary key,
  -- Vietnam date.
  day date not null,
  asked_by text not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  state text not null check (state in ('running', 'complete', 'failed')),
  -- Code of config/failures.ts, and what the portal said of itself; never a figure.
  failure text,
  detail text not null default '',
  -- Reports that were asked for, and those that were read to their end.
  asked integer not null,
  answered integer not null default 0,
  -- Our own figures at the same moment, by unit and period.
  ours jsonb not null default '[]'
);
create index on public_fetches (finished_at desc) where state = 'complete';
-- One fetch at a time.
create unique index on public_fetches ((true)) where state = 'running';

create table public_figures (
  fetch_id bigint not null references public_fetches on delete cascade,
  report text not null,
  -- Id of the unit that was asked about, as the portal has it.
  unit_id text not null,
  -- `yyyy-MM`, `yyyy-Qn` or `yyyy`.
  period text not null,
  -- `data` of every page, as it came.
  raw jsonb not null,
  fetched_at timestamptz not null,
  complete boolean not null,
  primary key (fetch_id, period, report, unit_id)
);
