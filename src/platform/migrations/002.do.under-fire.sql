-- Fair hand-out by agency; evidence in partitions, so that a province with five million dossiers a year can rotate it.

-- 1. Lanes know their agency: the hand-out goes round the agencies that have due lanes.
alter table deliveries add column agency_code text not null default '';
update deliveries l set agency_code = d.agency_code from dossiers d where d.id = l.dossier_id;
alter table deliveries alter column agency_code drop default;
-- The content must be sent although it was delivered: an operator asked for it. What is known to be at the portal stays known.
alter table deliveries add column again boolean not null default false;
drop index deliveries_due;
create index deliveries_due on deliveries (priority, agency_code, next_at, dossier_id) where state in ('waiting', 'unknown');

-- A row means: nothing is sent, by an operator's word.
create table delivery_hold (
  only_row boolean primary key default true check (only_row),
  since timestamptz not null default now(),
  actor text not null,
  why text not null
);

-- 2. Evidence by month (exchanges, attempts), sealed bodies by week, by the ledger's own clock: the moment of recording is one
-- value for all three tables. What no partition covers goes to the default one, so that a missing partition never stops a delivery. Ids come from a sequence: identity columns and partitions do not mix everywhere.
alter table attempts rename to attempts_before;
alter table exchanges rename to exchanges_before;
alter index exchanges_pkey rename to exchanges_before_pkey;
alter index attempts_pkey rename to attempts_before_pkey;
alter index exchanges_time rename to exchanges_before_time;
create sequence exchange_ids;
select setval('exchange_ids', (select coalesce(max(id), 0) + 1 from exchanges_before), false);

create table exchanges (
  id bigint not null default nextval('exchange_ids'),
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
  primary key (id, response_out)
) partition by range (response_out);
create index exchanges_time on exchanges (response_out);

create table exchange_bodies (
  exchange_id bigint not null,
  at timestamptz not null,
  request bytea not null,
  response bytea not null,
  primary key (exchange_id, at)
) partition by range (at);

-- `at` is the exchange's response_out. No foreign keys: both sides are written by one statement and rotate by age.
create table attempts (
  dossier_id bigint not null,
  exchange_id bigint not null,
  at timestamptz not null,
  change_id bigint,
  step_ids bigint[],
  meaning text not null,
  primary key (dossier_id, exchange_id, at)
) partition by range (at);

-- Sealed bytes cannot be made shorter: PostgreSQL need not try.
alter table exchange_bodies alter column request set storage external, alter column response set storage external;

create table exchanges_default partition of exchanges default;
create table exchange_bodies_default partition of exchange_bodies default;
create table attempts_default partition of attempts default;

-- Partitions of `parent` from `first` to `last`, one for each `every` ('month' or 'week'). One that exists is left alone; one whose
-- rows already lie in the default partition (a host's clock was wrong) is left to the default.
create function ensure_partitions(parent text, every text, first date, last date) returns integer language plpgsql as $$
declare
  span interval := ('1 ' || every)::interval;
  start timestamp := date_trunc(every, first::timestamp);
  name text;
  made integer := 0;
begin
  perform pg_advisory_xact_lock(hashtext('partitions'));
  while start <= last loop
    name := parent || '_' || to_char(start, case every when 'week' then 'IYYY"w"IW' else 'YYYY_MM' end);
    if to_regclass(name) is null then
      begin
        execute format('create table %I partition of %I for values from (%L) to (%L)',
          name, parent, start || '+00', (start + span) || '+00');
        made := made + 1;
      exception when check_violation then null;
      end;
    end if;
    start := start + span;
  end loop;
  return made;
end $$;

select ensure_partitions('exchanges', 'month', coalesce(min(response_out), now())::date, (now() + interval '2 months')::date) from exchanges_before;
select ensure_partitions('attempts', 'month', coalesce(min(response_out), now())::date, (now() + interval '2 months')::date) from exchanges_before;
select ensure_partitions('exchange_bodies', 'week', coalesce(min(response_out), now())::date, (now() + interval '2 weeks')::date) from exchanges_before;

insert into exchanges (id, service, request_in, request_out, response_in, response_out, http_status, code, message, class, items, bytes_out, bytes_in)
select id, service, request_in, request_out, response_in, response_out, http_status, code, message, class, items, bytes_out, bytes_in
from exchanges_before;
insert into exchange_bodies (exchange_id, at, request, response)
select id, response_out, request_body, response_body from exchanges_before where request_body is not null and response_body is not null;
insert into attempts (dossier_id, exchange_id, at, change_id, step_ids, meaning)
select a.dossier_id, a.exchange_id, e.response_out, a.change_id, a.step_ids, a.meaning
from attempts_before a join exchanges_before e on e.id = a.exchange_id;
drop table attempts_before;
drop table exchanges_before;

-- 3. The content of a change that is neither wanted nor delivered any more is emptied by age; its hash stays as evidence.
alter table changes alter column content drop not null;

-- 4. A step's state is in no index, so that telling it delivered touches one place. Steps of a dossier are found by (dossier_id, hash).
drop index steps_open;
alter table steps set (fillfactor = 90);
