-- The replay desk: dossiers that are sent again on purpose, by whom and why, in their original order, at a bounded pace.

create table replays (
  id bigint generated always as identity primary key,
  state text not null default 'draft' check (state in ('draft', 'running', 'paused', 'cancelled', 'done', 'expired')),
  filter jsonb not null,
  -- Whoever speaks for all of these agencies may see and steer it; null = of the whole province.
  agencies text[],
  why text not null,
  actor text not null,
  per_minute integer not null check (per_minute > 0),
  -- Parts of the total; what is in none of them has not been set going.
  total integer not null default 0,
  on_way integer not null default 0,
  delivered integer not null default 0,
  stopped integer not null default 0,
  skipped integer not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  -- What was set going until this moment is paid for: the throttle's clock.
  clock timestamptz
);

-- Frozen when the replay is made: the dossier, and how its lane stood (`was_`). No foreign keys: checking them would lock each of
-- many thousand dossiers, and neither dossiers nor replays are ever deleted.
create table replay_items (
  replay_id bigint not null,
  position integer not null,
  dossier_id bigint not null,
  state text not null default 'pending' check (state in ('pending', 'released', 'done', 'skipped')),
  was_state text not null check (was_state in ('parked', 'blocked', 'delivered')),
  was_reason text,
  was_detail jsonb,
  change_id bigint not null,
  -- While released: what is needed to call the lane back. Parked steps that were opened again, as [{id, reason}].
  steps jsonb,
  was_delivered_change_id bigint,
  was_steps_done integer,
  was_due_since timestamptz,
  released_at timestamptz,
  -- How it ended: why it was skipped, or the state and reason of the lane.
  outcome text,
  outcome_reason text,
  primary key (replay_id, position)
);
create index replay_items_pending on replay_items (replay_id, position) where state = 'pending';
-- A dossier is on its way for one replay at most.
create unique index replay_items_released on replay_items (dossier_id) where state = 'released';
create index replay_items_on_way on replay_items (replay_id) where state = 'released';

-- Lists of what stopped (the oldest first), of what is in doubt, and by a rare reason or error code, stay quick however many
-- lanes there are. Each covers few lanes: a delivery that goes well writes to none of them.
create index deliveries_stopped_age on deliveries (state, due_since, dossier_id, agency_code) where state in ('blocked', 'parked');
create index deliveries_in_doubt on deliveries (dossier_id) where state = 'unknown';
create index deliveries_open_reason on deliveries (reason) where state in ('waiting', 'unknown') and reason is not null;
create index deliveries_error on deliveries ((detail->>'code'))
  where state in ('waiting', 'unknown', 'blocked', 'parked') and detail->>'code' is not null;
