-- Lists of one cause are read along the partial indexes on (state, reason): the view shows the reason as the lane has it.
create or replace view standing as
select
  d.id,
  d.code,
  d.source,
  d.agency_code,
  coalesce(d.level, a.level) as level,
  a.name as agency_name,
  d.procedure_code,
  l.national_code,
  d.source_status,
  d.status,
  d.received_at,
  d.updated_at,
  l.state,
  l.due_since,
  l.next_at,
  l.attempts,
  l.state = 'delivered' as in_step,
  l.delivered_change_id is not null as at_portal,
  case
    when l.state = 'delivered' then null
    when l.state in ('blocked', 'parked') then coalesce(l.reason, l.state)
    when l.state = 'unknown' then 'outcome-unknown'
    when l.state = 'waiting' and l.attempts > 0 then 'retrying'
    else 'waiting-for-portal'
  end as cause,
  l.reason
from dossiers d
join deliveries l on l.dossier_id = d.id
left join agencies a on a.code = d.agency_code;
