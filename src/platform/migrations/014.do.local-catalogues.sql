-- A list of local procedures for each one-stop system and agency: the same code may be another procedure elsewhere.
alter table local_procedures drop constraint local_procedures_pkey;
alter table local_procedures
  -- The system whose list it is; null: of the province as a whole.
  add column source text,
  add column field text not null default '',
  -- How far it is online; null when nobody said.
  add column online_level text check (online_level in ('full', 'partial', 'online', 'none')),
  add column seen_at timestamptz not null default now(),
  -- Since when whole lists of its system lack it.
  add column missing_since timestamptz;
alter table local_procedures add constraint local_procedures_once unique nulls not distinct (code, source, agency_code);

-- One row for each code, for whoever only wants to call it by a name.
create view local_names as
select distinct on (code) code, name, missing_since from local_procedures
order by code, missing_since nulls first, source nulls first, agency_code nulls first;
