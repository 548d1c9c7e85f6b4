-- Codes that came with a run (a register can name a million) stand apart from its scope: whoever reads a run does not read them along.
alter table reconciliation_runs
  -- Codes of the register that the ledger did not hold, in order, and drawn like the dossiers.
  add column unheld text[] not null default '{}',
  -- These dossiers alone; null: all in scope.
  add column only_codes text[],
  -- When it last came further.
  add column moved_at timestamptz;
update reconciliation_runs set
  unheld = array(select jsonb_array_elements_text(scope -> 'unheld')),
  only_codes = case when scope ? 'only' then array(select jsonb_array_elements_text(scope -> 'only')) end,
  scope = scope - 'unheld' - 'only'
where scope ?| array['unheld', 'only'];
