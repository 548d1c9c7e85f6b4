-- Spaces around a local code say nothing: decisions and lists have it without, and a dossier that had them was never found under it.
update dossiers set procedure_code = btrim(procedure_code, E' \t\r\n') where procedure_code <> btrim(procedure_code, E' \t\r\n');
