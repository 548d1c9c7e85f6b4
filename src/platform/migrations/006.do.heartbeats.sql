-- Signs of life: a row is renewed only when its process proved that work moves there (a ticket or a canary was taken, a
-- relay's turn went through). A process that stops in order takes its rows away.
create table heartbeats (
  process text not null,
  role text not null check (role in ('worker', 'scheduler')),
  queue text not null,
  at timestamptz not null default now(),
  primary key (process, role, queue)
) with (fillfactor = 50);
