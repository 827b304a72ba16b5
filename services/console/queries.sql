-- name: cases_write
-- The newest version wins, in whatever order the messages come.
insert into cases (case_id, version, customer_id, team, state, assignee, opened_at, next_due_at,
                   search, root_cause, snapshot)
select * from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::jsonb[])
on conflict (case_id) do update
set version = excluded.version, team = excluded.team, state = excluded.state,
    assignee = excluded.assignee, next_due_at = excluded.next_due_at, search = excluded.search,
    root_cause = excluded.root_cause, snapshot = excluded.snapshot
where cases.version < excluded.version

-- name: timeline_add
insert into timeline (source, event_id, customer_id, at, kind, title, detail)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                     $7::jsonb[])
on conflict do nothing

-- name: inbox
-- The earliest deadline first, so that what is late stands on top; then the newest.
select snapshot, count(*) over () as total from cases
where ($1::text is null or team = $1)
  and ($2::text[] is null or state = any($2))
  and ($3::text is null or position(lower($3) in search) > 0)
order by next_due_at nulls last, opened_at desc, case_id
limit $4 offset $5

-- name: teams
select distinct team from cases order by team

-- name: root_causes
-- What others called it, most often first, so that one cause keeps one name.
select root_cause from cases where root_cause is not null
group by root_cause order by count(*) desc, root_cause limit 50

-- name: case_read
select snapshot from cases where case_id = $1

-- name: cases_of_customer
select snapshot from cases where customer_id = $1 order by opened_at desc limit 50

-- name: timeline_of
-- What happened at one moment stands in its order: the decision first, a case by its versions.
select at, kind, title, detail from timeline where customer_id = $1
order by at desc, kind = 'decision', (detail->>'version')::integer desc nulls last, event_id limit $2

-- name: summary
select team, count(*) as open, count(*) filter (where next_due_at < $1) as overdue
from cases where state = any($2) group by team order by team

-- name: funnel_add
insert into funnel (day, touchpoint, step, n)
select * from unnest($1::date[], $2::text[], $3::text[], $4::bigint[])
on conflict (day, touchpoint, step) do update set n = funnel.n + excluded.n

-- name: funnel_since
select touchpoint, step, sum(n)::bigint as n from funnel where day >= $1 group by touchpoint, step
