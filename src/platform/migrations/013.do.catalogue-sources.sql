-- The national catalogue from more than one list: files, the lists of one unit and of online services, and what full records say.
alter table pulls
  -- Where the list came from.
  add column origin text not null default 'portal' check (origin in ('portal', 'file')),
  -- It covers a part of the catalogue: what it lacks is not missing.
  add column partial boolean not null default false,
  -- A list that this portal may not know: that it could not be had is nobody's alarm.
  add column optional boolean not null default false;

alter table national_procedures
  -- The first day, in Vietnam, on which it no longer holds.
  add column ends_on date,
  -- Of its full record; null: never seen.
  add column legal_bases jsonb,
  -- Which parts of its content the record has; null: never seen.
  add column parts text[];
-- Records that were seen before are asked for again: more is kept of them now.
update national_procedures set detailed_at = null where detail is not null;

do $$ begin
  -- Its name was chosen by the server.
  execute 'alter table national_changes drop constraint ' || quote_ident(conname)
    from pg_constraint where conrelid = 'national_changes'::regclass and contype = 'c';
end $$;
alter table national_changes add constraint national_changes_kind check (
  kind in (
    'new', 'renamed', 'republished', 'withdrawn', 'reopened', 'moved', 'other-field', 'missing', 'found', 'end-set', 'legal-basis'
  )
);

-- Procedures that the portal lists for one unit.
create table unit_procedures (
  unit_code text not null,
  code text not null,
  name text not null,
  seen_at timestamptz not null default now(),
  -- Since when applied lists lack it.
  missing_since timestamptz,
  primary key (unit_code, code)
);

-- Online services of the portal, each of one procedure.
create table portal_services (
  code text primary key,
  name text not null,
  procedure_code text not null default '',
  agency_name text not null default '',
  field_name text not null default '',
  -- As it came: who applies a service stands in a list whose form is not known.
  raw jsonb not null,
  seen_at timestamptz not null default now(),
  missing_since timestamptz
);
create index portal_services_procedure on portal_services (procedure_code);
