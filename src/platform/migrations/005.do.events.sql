-- Events for the province's systems, and alerts. An event is written by the transaction that changes what it tells of; these
-- tables are its outbox. No foreign keys here: an event must never be able to stop the delivery of a dossier.

create table event_destinations (
  id text primary key,
  name text not null unique,
  url text not null,
  -- Sealed; a JSON list, newest first: two while receivers change over.
  secrets bytea not null,
  kinds text[] not null,
  agencies text[] not null,
  state text not null default 'active' check (state in ('active', 'paused')),
  paused_reason text,
  -- Attempts in a row that found it down; from a number of them on it is broken, and only probed.
  failures integer not null default 0,
  broken_since timestamptz,
  probe_at timestamptz,
  last_error text,
  created_at timestamptz not null default now(),
  created_by text not null
);

create table outbound_events (
  id bigint generated always as identity primary key,
  -- What the receiver knows it by. Not a number: after a restore a number would be given twice.
  uid uuid not null default gen_random_uuid(),
  kind text not null,
  subject text not null,
  agency_code text,
  occurred_at timestamptz not null default now(),
  payload jsonb not null
);

create table event_deliveries (
  event_id bigint not null,
  destination_id text not null,
  subject text not null,
  state text not null default 'waiting' check (state in ('waiting', 'sending', 'delivered', 'parked')),
  reason text,
  attempts smallint not null default 0,
  -- How often the destination was found down with this event: no attempt is used, but others go first.
  doubts integer not null default 0,
  next_at timestamptz not null default now(),
  lease_token uuid,
  lease_until timestamptz,
  kept_since timestamptz not null default now(),
  settled_at timestamptz,
  primary key (event_id, destination_id)
) with (fillfactor = 80);
create index event_deliveries_due on event_deliveries (destination_id, next_at, event_id) where state = 'waiting';
create index event_deliveries_open on event_deliveries (destination_id, subject, event_id) where state in ('waiting', 'sending');
create index event_deliveries_kept on event_deliveries (kept_since) where state = 'waiting';
create index event_deliveries_leased on event_deliveries (lease_until) where state = 'sending';
create index event_deliveries_parked on event_deliveries (destination_id, event_id) where state = 'parked';

-- One line per attempt: never a word of the answer, so that no inner page can be read through it.
create table event_attempts (
  id bigint generated always as identity primary key,
  event_id bigint not null,
  destination_id text not null,
  at timestamptz not null default now(),
  outcome text not null,
  http_status integer,
  error text,
  ms integer not null
);
create index event_attempts_destination on event_attempts (destination_id, at);

-- What a destination may have subscribed to in order to get this kind. Kinds have two parts: `dossier.parked`.
create function event_patterns(kind text) returns text[] language sql immutable as $$
  select array['*', split_part(kind, '.', 1) || '.*', kind]
$$;

-- Every event, wherever it comes from, is laid ready for all who want it by the statement that stores it. A paused destination
-- keeps its events. An event without an agency speaks for the whole province: only who may see all agencies gets it.
create function fan_out_events() returns trigger language plpgsql as $$
begin
  insert into event_deliveries (event_id, destination_id, subject)
  select e.id, d.id, e.subject from stored e join event_destinations d
    on d.kinds && event_patterns(e.kind) and d.agencies && array['*', coalesce(e.agency_code, '*')];
  return null;
end $$;
create trigger events_fan_out after insert on outbound_events referencing new table as stored
  for each statement execute function fan_out_events();

-- What became of a dossier, in the transaction that decided it. Codes and reasons only: the portal's own words can name a
-- citizen. Runs on every statement that moves lanes, so the first thing is to see that nobody listens. It only inserts, and
-- into tables without constraints that could fail: evidence of a call is never rolled back for an event.
create function note_new_lanes() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from event_destinations) then return null; end if;
  insert into outbound_events (kind, subject, agency_code, payload)
  with stopped as materialized (
    select 'dossier.' || n.state as kind, n.* from lanes_after n where n.state in ('blocked', 'parked')
  )
  select n.kind, d.code, n.agency_code, jsonb_build_object(
    'code', d.code, 'change', c.number, 'state', n.state, 'reason', n.reason,
    'nationalCode', n.national_code, 'agencyCode', n.agency_code, 'at', now())
  from stopped n join dossiers d on d.id = n.dossier_id left join changes c on c.id = n.wanted_change_id
  where exists (select 1 from event_destinations e where e.kinds && event_patterns(n.kind) and e.agencies && array['*', n.agency_code]);
  return null;
end $$;

create function note_moved_lanes() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from event_destinations) then return null; end if;
  insert into outbound_events (kind, subject, agency_code, payload)
  with ended as materialized (
    select * from lanes_after where state in ('delivered', 'blocked', 'parked')
  ), moved as materialized (
    select 'dossier.' || n.state as kind, n.* from ended n join lanes_before o on o.dossier_id = n.dossier_id
    where case when n.state = 'delivered'
      -- Only what the portal really took: a lane that had nothing left to send tells nobody anything new.
      then o.state <> 'delivered' and (o.delivered_change_id is distinct from n.delivered_change_id
        or o.steps_done <> n.steps_done or (o.again and not n.again))
      else o.state <> n.state or o.reason is distinct from n.reason end
  )
  select n.kind, d.code, n.agency_code, jsonb_build_object(
    'code', d.code, 'change', c.number, 'state', n.state, 'reason', case when n.state <> 'delivered' then n.reason end,
    'nationalCode', n.national_code, 'agencyCode', n.agency_code, 'at', now())
  from moved n join dossiers d on d.id = n.dossier_id
  left join changes c on c.id = case n.state when 'delivered' then n.delivered_change_id else n.wanted_change_id end
  where exists (select 1 from event_destinations e where e.kinds && event_patterns(n.kind) and e.agencies && array['*', n.agency_code]);
  return null;
end $$;

create trigger lanes_new after insert on deliveries referencing new table as lanes_after
  for each statement execute function note_new_lanes();
create trigger lanes_moved after update on deliveries referencing old table as lanes_before new table as lanes_after
  for each statement execute function note_moved_lanes();

-- One row per condition that an alert rule watches, kept over restarts: what failed first and last, how often, how it moves.
create table alerts (
  key text primary key,
  rule text not null,
  state text not null check (state in ('pending', 'firing', 'recovered')),
  first_at timestamptz not null,
  last_at timestamptz not null,
  clear_since timestamptz,
  raised_at timestamptz,
  recovered_at timestamptz,
  notified_at timestamptz,
  count integer not null,
  first_error jsonb not null,
  last_error jsonb not null,
  trend integer[] not null
);

-- The oldest that waits, and the oldest and newest that stopped for a reason, are read from the end of an index, however many
-- there are.
create index deliveries_since on deliveries (priority, due_since) where state in ('waiting', 'sending', 'unknown');
drop index deliveries_stopped;
create index deliveries_stopped on deliveries (state, reason, due_since) where state in ('blocked', 'parked');
