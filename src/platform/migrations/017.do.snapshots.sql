-- How the sync rate stood at the end of each day, by agency and by month of reception: a trend, and what late syncing changed in past months.
create table sync_snapshots (
  -- Vietnam date.
  day date not null,
  part text not null check (part in ('agency', 'month')),
  -- Agency code, or `yyyy-MM`.
  key text not null,
  received integer not null,
  delivered integer not null,
  primary key (part, day, key)
);
