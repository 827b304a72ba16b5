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
select team, count(*) as open, count(*) filter (where next_due_at < $1) as overdue,
       (array_agg(case_id order by opened_at, case_id))[1] as oldest_case,
       min(opened_at) as oldest_at
from cases where state = any($2) group by team order by team

-- name: funnel_add
insert into funnel (day, touchpoint, step, n)
select * from unnest($1::date[], $2::text[], $3::text[], $4::bigint[])
on conflict (day, touchpoint, step) do update set n = funnel.n + excluded.n

-- name: funnel_since
select touchpoint, step, sum(n)::bigint as n from funnel where day >= $1 group by touchpoint, step

-- name: clocks_write
insert into clocks (case_id, clock, version, team, opened_at, due_at, met_at, breached, runs, seconds)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::timestamptz[],
                     $6::timestamptz[], $7::timestamptz[], $8::boolean[], $9::boolean[],
                     $10::double precision[])
on conflict (case_id, clock) do update
set version = excluded.version, team = excluded.team, due_at = excluded.due_at,
    met_at = excluded.met_at, breached = excluded.breached, runs = excluded.runs,
    seconds = excluded.seconds
where clocks.version < excluded.version

-- name: clocks_counted
-- A clock is decided once it was stopped or has run out, whether or not that was marked yet.
select team, clock, count(*) as decided,
       count(*) filter (where met_at <= due_at and not breached) as in_time,
       coalesce(array_agg(seconds) filter (where seconds is not null), '{}') as seconds
from clocks
where opened_at > $1 and opened_at <= $2
  and (met_at is not null or breached or (runs and due_at < $2))
group by team, clock

-- name: causes_counted
select team, root_cause, count(*) as n from cases
where root_cause is not null and opened_at > $1 and opened_at <= $2
group by team, root_cause order by team, n desc, root_cause

-- name: scores_put
-- The newest word counts; those of an anonymous answer all bear the beginning of its day.
insert into scores (response_id, invitation_id, touchpoint, stage, survey, metric, band, needs, ease,
                    enjoyment, effort, unlinked, received_at, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::integer[], $9::integer[], $10::integer[], $11::integer[],
                     $12::boolean[], $13::timestamptz[], $14::timestamptz[])
on conflict (response_id) do update
set band = excluded.band, needs = excluded.needs, ease = excluded.ease,
    enjoyment = excluded.enjoyment, effort = excluded.effort, at = excluded.at
where scores.at <= excluded.at

-- name: asks_put
insert into asks (invitation_id, touchpoint, stage, survey, sent_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
on conflict do nothing

-- name: asks_drop
delete from asks where invitation_id = any($1::text[])

-- name: scores_counted
-- By periods of $2 seconds back from $1, of which there are $3; the last one is 0.
select touchpoint, stage, survey, metric,
       floor(extract(epoch from $1::timestamptz - received_at) / $2::double precision)::integer as ago,
       count(*) as answered,
       count(*) filter (where band = 'high') as high, count(*) filter (where band = 'low') as low,
       count(*) filter (where needs >= 4) as needs, count(*) filter (where ease >= 4) as ease,
       count(*) filter (where enjoyment >= 4) as enjoyment,
       count(effort) as effort, count(*) filter (where effort <= 2) as easy
from scores
where received_at > $1::timestamptz - make_interval(secs => $2::double precision * $3::integer)
  and received_at <= $1::timestamptz
group by touchpoint, stage, survey, metric, ago order by touchpoint, stage, survey, metric

-- name: asks_counted
-- Nothing leads from an anonymous answer to its ask: those of the same time stand for them.
with asked as (
    select touchpoint, stage, count(*) as asked,
           count(*) filter (where exists (
               select from scores where scores.invitation_id = asks.invitation_id)) as linked
    from asks where sent_at > $1 and sent_at <= $2
    group by touchpoint, stage
), unlinked as (
    select touchpoint, stage, count(*) as answered from scores
    where unlinked and received_at > $1 and received_at <= $2
    group by touchpoint, stage
)
select asked.touchpoint, asked.stage, asked.asked,
       least(asked.asked, asked.linked + coalesce(unlinked.answered, 0)) as answered
from asked left join unlinked
  on unlinked.touchpoint = asked.touchpoint and unlinked.stage is not distinct from asked.stage

-- name: cases_counted
select snapshot->>'touchpoint' as touchpoint, snapshot->>'stage' as stage, count(*) as open,
       count(*) filter (where next_due_at < $1) as overdue
from cases where state = any($2) group by 1, 2
