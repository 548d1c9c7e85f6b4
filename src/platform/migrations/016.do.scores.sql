-- What the content of a dossier wins and loses in the index 766, as letters of config/score-reasons.ts after the revision of the rules: no
-- personal data. Null: not judged yet. Sums are read from these columns; contents stay sealed.
alter table dossiers
  add column outcomes text,
  -- The promised date, later by the citizen's time for supplements.
  add column due_at timestamptz;
