-- For whoever looks after the service: which keys are in use, since when a process lives, who did what.
alter table api_clients add column used_at timestamptz;
alter table heartbeats add column since timestamptz not null default now();

-- The audit is read page by page from its newest end: all of it, what one actor did, or one kind of act.
create index audit_time on audit (at, id);
create index audit_actor on audit (actor, at, id);
create index audit_action on audit (action, at, id);

-- Status words that nobody has said the meaning of are few.
create index dossiers_unmapped on dossiers (source, source_status, received_at, id) where status is null;

-- When each task of the clock was last taken up, and how it ended.
create table task_turns (
  task text primary key,
  -- What was due before nobody could have noted.
  noted_since timestamptz not null default now(),
  -- Null: not yet.
  started_at timestamptz,
  -- Null: it is under way, or its process was killed.
  finished_at timestamptz,
  failed boolean not null default false
);
insert into task_turns (task) values ('pull-catalogue'), ('reconcile'), ('public-figures'), ('counters'), ('rotate');
