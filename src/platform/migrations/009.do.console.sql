-- Persons who work at the console sign in with a key of their own; a machine's key does not open it.
alter table api_clients add column person boolean not null default false;

create table console_sessions (
  -- SHA-256 of what the browser holds: who reads the table cannot sign in with it.
  token_hash bytea primary key,
  client_id text not null references api_clients,
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index console_sessions_expired on console_sessions (expires_at);

-- What a decision meant for the dossiers blocked at that moment, as {blocked, released, still}; null where nobody counted.
alter table mapping_decisions add column dossiers jsonb;
