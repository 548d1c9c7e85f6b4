-- The province's own register, row by row and field by field. Its rows stand here only until they are judged; what is kept of it are its counts
-- and the rows that do not agree.
create table registers (
  id bigint generated always as identity primary key,
  -- Null while its rows come in.
  run_id bigint unique references reconciliation_runs,
  -- Of the file, and the SHA-256 of what it held.
  name text not null,
  hash text,
  given_by text not null,
  touched_at timestamptz not null default now(),
  -- The moment it speaks of: what was received or moved later says nothing about it.
  as_of timestamptz not null,
  -- The one-stop system whose words it uses; null: that of each dossier.
  source text,
  -- It has every dossier of its scope: only then a dossier that it lacks is missing in it.
  complete boolean not null,
  -- Rows as they came, and the newest dossier of the ledger when the run began.
  rows integer not null default 0,
  last_id bigint not null default 0,
  in_ledger integer not null default 0,
  -- How far it is judged: by its codes, then by the dossiers of the ledger.
  code_cursor text not null default '',
  id_cursor bigint not null default 0,
  codes_judged boolean not null default false,
  judged_at timestamptz,
  -- Different codes; the next four are its parts.
  total integer not null default 0,
  equal integer not null default 0,
  different integer not null default 0,
  not_in_ledger integer not null default 0,
  unknown integer not null default 0,
  not_in_register integer not null default 0,
  -- By field: in how many rows it was equal, different, or not to be compared.
  fields jsonb not null default '{}'
);
create table register_rows (
  register_id bigint not null references registers,
  number integer not null,
  code text not null,
  agency text,
  procedure text,
  status text,
  -- A day, or a minute in UTC.
  received text,
  steps integer
);
create index register_rows_code on register_rows (register_id, code, number);

-- What of a register and the ledger does not agree, by run; and codes that a run looks up though the ledger does not hold them.
create table register_findings (
  run_id bigint not null references reconciliation_runs,
  code text not null,
  kind text not null check (kind in ('different', 'not-in-ledger', 'not-in-register', 'unknown')),
  agency_code text,
  fields jsonb not null default '[]',
  -- The run asks the portal for it.
  look_up boolean not null default false,
  primary key (run_id, code)
);
create index register_findings_kind on register_findings (run_id, kind, code);
create index register_findings_looked on register_findings (run_id, code) where look_up;

insert into register_findings (run_id, code, kind, look_up)
select r.id, c.code, 'not-in-ledger', true from reconciliation_runs r, unnest(r.unheld) as c(code) on conflict do nothing;
alter table reconciliation_runs
  -- Codes that it looks up beside the dossiers of the ledger, and the last of them that it has looked up.
  add column codes_count integer not null default 0,
  add column code_cursor text not null default '';
update reconciliation_runs set codes_count = cardinality(unheld),
  code_cursor = coalesce(unheld[greatest(0, position - (scope ->> 'lastId')::bigint)], '')
where cardinality(unheld) > 0;
alter table reconciliation_runs drop column unheld;

-- What disagrees with the register stands beside what disagrees with the portal: the same dossier may do both.
alter table discrepancies
  add column side text not null default 'portal' check (side in ('portal', 'register')),
  drop constraint discrepancies_kind_check,
  add constraint discrepancies_kind_check check (
    case side
      when 'portal' then kind in ('different', 'missing-there', 'missing-here', 'missing-everywhere')
      else kind in ('different', 'not-in-register')
    end
  );
drop index discrepancies_open, discrepancies_settled;
create unique index discrepancies_open on discrepancies (side, code) where closed_at is null;
create index discrepancies_settled on discrepancies (side, code, id) where closed_how in ('accept', 'ignore');
