-- From when on a case is due soon: when 80 % of the time of a clock that runs is used up.
alter table cases add column soon_at timestamptz;
-- Of cases that are open now in wall time, also where a clock counts open hours; exactly with the next
-- change of each.
update cases set soon_at = (
    select min(moment(deadline->>'due_at')
               - 0.2 * (deadline->>'target_seconds')::double precision * interval '1 second')
    from jsonb_array_elements(snapshot->'deadlines') as deadline
    where deadline->>'clock' in ('acknowledge', 'contact', 'resolve')
      and deadline->>'met_at' is null and deadline->>'paused_at' is null
)
where state in ('new', 'assigned', 'acknowledged', 'contacted', 'waiting_customer');
