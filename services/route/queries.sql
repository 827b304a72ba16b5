-- name: cases_move
-- What `close` says. A case that comes back to life while the customer has another open one stays
-- out of the index: that other one goes on collecting low scores.
insert into cases as known (case_id, customer_id, touchpoint, state, open, version, team, priority,
                            opened_at, snapshot)
select moved.case_id, moved.customer_id, moved.touchpoint, moved.state,
       moved.open and not exists (
           select from cases other
           where other.open and other.customer_id = moved.customer_id
             and other.touchpoint = moved.touchpoint and other.case_id <> moved.case_id),
       moved.version, moved.team, moved.priority, moved.opened_at, moved.snapshot
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::integer[], $7::text[],
            $8::text[], $9::timestamptz[], $10::jsonb[])
     as moved (case_id, customer_id, touchpoint, state, open, version, team, priority, opened_at,
               snapshot)
on conflict (case_id) do update
set state = excluded.state, open = excluded.open, version = excluded.version, team = excluded.team,
    priority = excluded.priority, snapshot = excluded.snapshot
where known.version < excluded.version

-- name: responses_known
select response_id, case_id from responses where response_id = any($1::text[])

-- name: cases_open
select case_id, customer_id, touchpoint, state, team, priority, opened_at, snapshot
from cases
join unnest($1::text[], $2::text[]) as wanted (customer_id, touchpoint)
     using (customer_id, touchpoint)
where open

-- name: cases_add
insert into cases (case_id, customer_id, touchpoint, state, open, version, team, priority, opened_at,
                   snapshot)
select case_id, customer_id, touchpoint, state, true, 1, team, priority, opened_at, snapshot
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
            $8::jsonb[])
     as opened (case_id, customer_id, touchpoint, state, team, priority, opened_at, snapshot)

-- name: responses_add
insert into responses (response_id, case_id, completed_at)
select response_id, case_id, $3 from unnest($1::text[], $2::text[]) as heard (response_id, case_id)
on conflict (response_id) do update set case_id = coalesce(responses.case_id, excluded.case_id)

-- name: deliveries_add
-- Returns those that were not owed before.
insert into deliveries (alert_id, case_id, response_id, customer_id, touchpoint, team, priority,
                        channel, kind, endpoint, notice, received_at, traceparent, next_at,
                        created_at)
select alert_id, case_id, response_id, customer_id, touchpoint, team, priority, channel, kind,
       endpoint, notice, received_at, traceparent, $14, $14
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::timestamptz[], $13::text[])
     as alert (alert_id, case_id, response_id, customer_id, touchpoint, team, priority, channel,
               kind, endpoint, notice, received_at, traceparent)
on conflict (alert_id) do nothing
returning alert_id

-- name: deliveries_claim
-- Lease what is due: at most $5 rows, for each endpoint at most $6 or what is said in ($3, $4). The
-- endpoints are walked through the index, so that a thousand rows of one cost another nothing.
with recursive waiting (endpoint) as (
    (select endpoint from deliveries where state = 'due' order by endpoint limit 1)
    union all
    select (select later.endpoint from deliveries later
            where later.state = 'due' and later.endpoint > waiting.endpoint
            order by later.endpoint limit 1)
    from waiting where waiting.endpoint is not null
)
update deliveries
set attempts = attempts + 1, fence = fence + 1, next_at = $2
where alert_id = any(array(
    select due.alert_id
    from waiting
    left join unnest($3::text[], $4::integer[]) as said (endpoint, room) using (endpoint)
    cross join lateral (
        select alert_id, next_at from deliveries
        where state = 'due' and endpoint = waiting.endpoint and next_at <= $1
        order by next_at limit coalesce(said.room, $6) for update skip locked
    ) as due
    order by due.next_at limit $5
))
returning alert_id, case_id, response_id, customer_id, touchpoint, team, priority, channel, kind,
          notice, received_at, traceparent, attempts as attempt, fence

-- name: deliveries_settle
-- Write down what came of attempts whose lease still holds; returns those.
update deliveries
set state = settled.state, next_at = settled.next_at, failure = settled.failure,
    delivered_at = settled.delivered_at
from unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[])
     as settled (alert_id, fence, state, next_at, failure, delivered_at)
where deliveries.alert_id = settled.alert_id and deliveries.fence = settled.fence
  and deliveries.state = 'due'
returning deliveries.alert_id

-- name: cases_hold
-- Who ends the alerts of a case waits for whoever else does: the last one sees that it is the last.
select from cases where case_id = any($1::text[]) order by case_id for update

-- name: deliveries_unheard
-- Of these (case, response), those of which no channel has heard nor still may, and where it was
-- tried.
select case_id, response_id, array_agg(endpoint) as tried
from deliveries
join unnest($1::text[], $2::text[]) as ended (case_id, response_id) using (case_id, response_id)
group by case_id, response_id
having bool_and(state = 'exhausted')

-- name: cases_routed
-- Mark cases whose first alert was accepted; returns those it was the first for.
update cases set routed_at = $2 where case_id = any(array(
    select case_id from cases where case_id = any($1::text[]) and routed_at is null
    order by case_id for update
))
returning case_id

-- name: alerts_list
select alert_id, case_id, team, priority, touchpoint, channel, kind, state, attempts, failure,
       received_at, created_at, delivered_at, case when state = 'due' then next_at end as next_at
from deliveries
where ($1::text is null or case_id = $1) and ($2::text is null or state = $2)
order by created_at desc, alert_id limit $3
