-- The ledger. Personal data lives only in the sealed columns (bytea, AES-256-GCM); everything in clear is needed to search,
-- deliver or report.

create table catalogue_version (
  only_row boolean primary key default true check (only_row),
  version bigint not null
);
insert into catalogue_version (version) values (1);

create table agencies (
  code text primary key,
  name text not null,
  level text not null check (level in ('ministry', 'province', 'district', 'commune'))
);

create table national_procedures (
  code text primary key,
  name text not null,
  field_code text not null default '',
  field_name text not null default '',
  published_on date,
  open boolean not null default true,
  detail jsonb,
  detailed_at timestamptz,
  seen_at timestamptz not null default now()
);

create table portal_fields (
  code text primary key,
  name text not null,
  sector text not null default '',
  seen_at timestamptz not null default now()
);

create table portal_agencies (
  code text primary key,
  name text not null,
  level text not null default '',
  seen_at timestamptz not null default now()
);

create table local_procedures (
  code text primary key,
  name text not null,
  level text check (level in ('ministry', 'province', 'district', 'commune')),
  agency_code text
);

create table mappings (
  id bigint generated always as identity primary key,
  local_code text not null,
  national_code text not null,
  agency_code text,
  level text check (level in ('ministry', 'province', 'district', 'commune')),
  valid_from date,
  valid_to date,
  created_at timestamptz not null default now(),
  created_by text not null,
  why text not null default '',
  unique nulls not distinct (local_code, national_code, agency_code, level, valid_from, valid_to)
);

create table status_mappings (
  source text not null,
  local_status text not null,
  status text not null,
  primary key (source, local_status)
);

create table pulls (
  id bigint generated always as identity primary key,
  service text not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  rows integer,
  outcome text not null default 'running' check (outcome in ('running', 'applied', 'held', 'failed')),
  note text not null default ''
);

create table api_clients (
  id text primary key,
  name text not null,
  source text not null,
  secret_hash bytea not null,
  rights text[] not null,
  agencies text[] not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  revoked_at timestamptz
);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null default '{}'
);

create table dossiers (
  id bigint generated always as identity primary key,
  code text not null unique,
  source text not null,
  agency_code text not null,
  level text,
  procedure_code text not null,
  status text,
  source_status text not null,
  channel text,
  received_at timestamptz not null,
  promised_at timestamptz,
  finished_at timestamptz,
  changed_at timestamptz not null,
  version bigint,
  hash bytea not null,
  change_id bigint not null,
  changes integer not null default 1,
  flags text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index dossiers_received on dossiers (received_at, id);
create index dossiers_procedure on dossiers (procedure_code);

create sequence change_ids;

create table changes (
  id bigint primary key,
  dossier_id bigint not null references dossiers,
  number integer not null,
  version bigint,
  changed_at timestamptz not null,
  stored_at timestamptz not null default now(),
  status text,
  source_status text not null,
  verdict text not null check (verdict in ('stored', 'superseded')),
  flags text[] not null default '{}',
  client_id text not null,
  hash bytea not null,
  content bytea not null
);
create index changes_dossier on changes (dossier_id, number);

create table steps (
  id bigint generated always as identity primary key,
  dossier_id bigint not null references dossiers,
  at timestamptz not null,
  status text,
  source_status text not null,
  stored_at timestamptz not null default now(),
  sent_at timestamptz,
  acknowledged_at timestamptz,
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'parked')),
  reason text,
  flags text[] not null default '{}',
  client_id text not null,
  hash bytea not null,
  content bytea not null,
  unique (dossier_id, hash)
);
create index steps_open on steps (dossier_id, at, id) where state <> 'delivered';

-- The lane of a dossier: what the portal should know (wanted), what it is known to know (delivered), and what is next.
create table deliveries (
  dossier_id bigint primary key references dossiers,
  state text not null check (state in ('waiting', 'sending', 'unknown', 'blocked', 'parked', 'delivered')),
  reason text,
  detail jsonb,
  wanted_change_id bigint not null,
  delivered_change_id bigint,
  sent_change_id bigint,
  sent_as text check (sent_as in ('create', 'update', 'steps')),
  presence text not null default 'unseen' check (presence in ('unseen', 'present', 'absent')),
  steps_total integer not null default 0,
  steps_done integer not null default 0,
  priority smallint not null default 0,
  attempts smallint not null default 0,
  doubts smallint not null default 0,
  next_at timestamptz not null default now(),
  due_since timestamptz not null default now(),
  handed_until timestamptz,
  lease_token uuid,
  lease_until timestamptz,
  assessed_version bigint not null default 0,
  national_code text,
  first_delivered_at timestamptz,
  delivered_at timestamptz,
  updated_at timestamptz not null default now()
) with (fillfactor = 80);
create index deliveries_due on deliveries (priority, next_at, dossier_id) where state in ('waiting', 'unknown');
create index deliveries_leased on deliveries (lease_until) where state = 'sending';
create index deliveries_stopped on deliveries (state, reason) where state in ('blocked', 'parked');

create table exchanges (
  id bigint generated always as identity primary key,
  service text not null,
  request_in timestamptz not null,
  request_out timestamptz not null,
  response_in timestamptz,
  response_out timestamptz not null default now(),
  http_status integer,
  code text,
  message text,
  class text not null,
  items integer not null default 0,
  bytes_out integer not null default 0,
  bytes_in integer not null default 0,
  request_body bytea,
  response_body bytea
);
create index exchanges_time on exchanges (request_out);

create table attempts (
  dossier_id bigint not null references dossiers,
  exchange_id bigint not null references exchanges,
  change_id bigint,
  step_ids bigint[],
  meaning text not null,
  primary key (dossier_id, exchange_id)
);

create table portal_sessions (
  endpoint text primary key,
  sealed bytea,
  generation bigint not null default 0,
  obtained_at timestamptz,
  login_owner uuid,
  login_until timestamptz
);

create table reconciliation_runs (
  id bigint generated always as identity primary key,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  asked_by text not null,
  scope jsonb not null,
  state text not null default 'running' check (state in ('running', 'finished', 'failed')),
  total integer not null default 0,
  position bigint not null default 0,
  equal integer not null default 0,
  different integer not null default 0,
  missing_there integer not null default 0,
  missing_here integer not null default 0,
  unknown integer not null default 0,
  note text not null default ''
);

create table reconciliation_findings (
  run_id bigint not null references reconciliation_runs,
  code text not null,
  kind text not null check (kind in ('equal', 'different', 'missing-there', 'missing-here', 'unknown')),
  fields jsonb,
  checked_at timestamptz not null default now(),
  primary key (run_id, code)
);
create index reconciliation_findings_kind on reconciliation_findings (run_id, kind);

-- Exactly one standing and at most one cause for every dossier: every report, list and metric reads this view and nothing
-- else, so that parts add up to totals by construction.
create view standing as
select
  d.id,
  d.code,
  d.source,
  d.agency_code,
  coalesce(d.level, a.level) as level,
  a.name as agency_name,
  d.procedure_code,
  l.national_code,
  d.source_status,
  d.status,
  d.received_at,
  d.updated_at,
  l.state,
  l.due_since,
  l.next_at,
  l.attempts,
  l.state = 'delivered' as in_step,
  l.delivered_change_id is not null as at_portal,
  case
    when l.state = 'delivered' then null
    when l.state in ('blocked', 'parked') then coalesce(l.reason, l.state)
    when l.state = 'unknown' then 'outcome-unknown'
    when l.state = 'waiting' and l.attempts > 0 then 'retrying'
    else 'waiting-for-portal'
  end as cause
from dossiers d
join deliveries l on l.dossier_id = d.id
left join agencies a on a.code = d.agency_code;
