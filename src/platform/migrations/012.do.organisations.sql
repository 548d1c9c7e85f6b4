-- Units by date: what became of a unit, from which day, and who said so. A process of the version before knows nothing of it, and
-- would release what waits for a successor: it must not run any more when the first one is entered.

alter table agencies
  add column valid_from date,
  -- The first day on which it no longer acts.
  add column valid_to date,
  -- Whether its account for online payment is set up; null when nobody said.
  add column beneficiary_account boolean;

-- What a unit was called until a day.
create table agency_names (
  code text not null references agencies,
  until date not null,
  name text not null,
  primary key (code, until)
);

create table agency_successions (
  id bigint generated always as identity primary key,
  old_code text not null,
  new_code text not null references agencies,
  -- The first day on which the new unit acts in the old one's place.
  day date not null,
  transfer text not null check (transfer in ('whole', 'part')),
  -- A local code, when it is said for the dossiers of this procedure alone.
  procedure_code text,
  decided_at timestamptz not null default now(),
  decided_by text not null,
  why text not null,
  withdrawn_at timestamptz,
  withdrawn_by text,
  withdrawn_why text
);
create unique index agency_successions_once on agency_successions (old_code, new_code, day, transfer, coalesce(procedure_code, ''))
  where withdrawn_at is null;

-- What became of the communes on a day, as published; for looking up, and for proposals.
create table commune_successions (
  day date not null,
  old_code text not null,
  old_name text not null,
  old_district text not null,
  old_province text not null,
  new_code text not null,
  new_name text not null,
  new_province text not null,
  transfer text not null check (transfer in ('whole', 'part')),
  primary key (day, old_code, new_code)
);
create index commune_successions_new on commune_successions (new_code);

-- The two other units of a dossier: where it was handed in, and who officially receives it.
alter table dossiers add column intake_agency_code text, add column receiving_agency_code text;
