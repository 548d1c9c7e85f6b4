-- What the pace towards the portal must not forget when Redis is emptied: the pace that was learned, how long the portal asked to
-- be left alone, and the calls of the day. A day's calls are granted in blocks before they are spent: what is lost with
-- Redis counts as spent, so the quota is never passed.
create table portal_pace (
  endpoint text primary key,
  rate double precision,
  mark double precision not null default 0,
  closed_until timestamptz,
  closed_why text not null default '',
  quota_day date,
  quota_granted integer not null default 0,
  updated_at timestamptz not null default now()
);
