-- name: cases_move
-- What `close` says. Of the open cases of a customer about one touchpoint one takes the low scores,
-- and there is one, unless a case comes back to life while another is open: that stays out of the
-- index, for people may be at work on both, and only they can say that it is one matter (merge).
-- Whose clocks were started afresh ($11) keeps those of its `first` cycle, as they stood when it
-- ended: by them its team is judged.
insert into cases as known (case_id, customer_id, touchpoint, state, open, version, team, priority,
                            opened_at, snapshot)
select moved.case_id, moved.customer_id, moved.touchpoint, moved.state,
       moved.open and not exists (
           select from cases other
           where other.open and other.customer_id = moved.customer_id
             and other.touchpoint = moved.touchpoint and other.case_id <> moved.case_id),
       moved.version, moved.team, moved.priority, moved.opened_at,
       moved.snapshot || case when moved.again then jsonb_build_object('first', coalesce(
           past.snapshot->'first', moved.before->'deadlines', past.snapshot->'deadlines'))
           else '{}' end
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::integer[], $7::text[],
            $8::text[], $9::timestamptz[], $10::jsonb[], $11::boolean[], $12::jsonb[])
     as moved (case_id, customer_id, touchpoint, state, open, version, team, priority, opened_at,
               snapshot, again, before)
left join cases past using (case_id)
on conflict (case_id) do update
set state = excluded.state, open = excluded.open, version = excluded.version, team = excluded.team,
    priority = excluded.priority, snapshot = excluded.snapshot
where known.version < excluded.version

-- name: responses_known
select response_id, case_id from responses where response_id = any($1::text[])

-- name: cases_open
select case_id, customer_id, touchpoint, state, team, coalesce(raised, priority) as priority,
       opened_at, snapshot
from cases
join unnest($1::text[], $2::text[]) as wanted (customer_id, touchpoint)
     using (customer_id, touchpoint)
where open

-- name: scores_lately
-- How many low scores each customer gave since: those that opened a case, and those that joined one.
select customer_id, count(*)::integer as scores
from cases join responses using (case_id)
where customer_id = any($1::text[]) and completed_at >= $2 group by customer_id

-- name: cases_raise
update cases set raised = news.priority
from unnest($1::text[], $2::text[]) as news (case_id, priority) where cases.case_id = news.case_id

-- name: deliveries_raise
-- What has not left yet is as urgent as its case.
update deliveries
set priority = news.priority, notice = notice || jsonb_build_object('priority', news.priority)
from unnest($1::text[], $2::text[]) as news (case_id, priority)
where deliveries.case_id = news.case_id and state in ('due', 'silenced', 'gathered')

-- name: cases_of_team
-- What is open, and what was opened since.
select state, open, opened_at, snapshot from cases where team = $1 and (open or opened_at >= $2)

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
                        channel, kind, endpoint, notice, received_at, traceparent, next_at, state,
                        rank, round, owed, digest_id, silence_id, receipt, created_at)
select *, $22::timestamptz
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::timestamptz[], $13::text[],
            $14::timestamptz[], $15::text[], $16::integer[], $17::text[], $18::boolean[],
            $19::text[], $20::text[], $21::jsonb[])
on conflict (alert_id) do nothing
returning alert_id

-- name: alerts_lately
-- How many alerts each (endpoint, touchpoint) had since $3, the digest that still takes more, and
-- when the last one was begun.
select endpoint, touchpoint,
       (select count(*)::integer from deliveries
        where endpoint = place.endpoint and touchpoint = place.touchpoint and created_at > $3
          and rank = 0 and (owed or notice->>'type' = any($5::text[]))) as lately,
       (select alert_id from deliveries
        where endpoint = place.endpoint and touchpoint = place.touchpoint and created_at > $4
          and notice->>'type' = 'alerts.digest' and state = 'due' and attempts = 0
        order by created_at desc limit 1 for update skip locked) as digest,
       (select max(created_at) from deliveries
        where endpoint = place.endpoint and touchpoint = place.touchpoint and created_at > $3
          and notice->>'type' = 'alerts.digest') as digested_at
from unnest($1::text[], $2::text[]) as place (endpoint, touchpoint)

-- name: endpoints_refusing
select endpoint, state from endpoints where endpoint = any($1::text[])

-- name: endpoints_refuse
-- Returns those that are news.
insert into endpoints as known (endpoint, state, target, failure, since)
select endpoint, state, target, failure, $5
from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     as refusing (endpoint, state, target, failure)
on conflict (endpoint) do update
set state = excluded.state, target = excluded.target, failure = excluded.failure,
    since = excluded.since
where known.target <> excluded.target or known.state <> excluded.state
returning endpoint

-- name: endpoints_all
select endpoint, state, target, failure, since from endpoints

-- name: endpoints_accept
delete from endpoints where endpoint = any($1::text[])

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
          notice, received_at, traceparent, attempts as attempt, fence, rank, round, owed, receipt,
          coalesce((select state from endpoints where endpoint = deliveries.endpoint), 'working')
              as health,
          (select target from endpoints where endpoint = deliveries.endpoint) as refused_target

-- name: deliveries_settle
-- Write down what came of attempts whose lease still holds; returns those.
update deliveries
set state = settled.state, next_at = settled.next_at, failure = settled.failure,
    delivered_at = settled.delivered_at, receipt = coalesce(settled.receipt, deliveries.receipt)
from unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[],
            $7::jsonb[])
     as settled (alert_id, fence, state, next_at, failure, delivered_at, receipt)
where deliveries.alert_id = settled.alert_id and deliveries.fence = settled.fence
  and deliveries.state = 'due'
returning deliveries.alert_id

-- name: cases_hold
select from cases
where case_id = any(array(select unnest($1::text[])
                          union select case_id from deliveries where digest_id = any($2::text[])))
order by case_id for update

-- name: deliveries_hold
select from deliveries
where case_id = '' and state in ('due', 'gathered')
  and response_id = any(array(select unnest($1::text[])
                              union select response_id from deliveries
                              where digest_id = any($2::text[]) and case_id = ''))
order by alert_id for update

-- name: deliveries_unheard
-- Of these occasions, those of which no channel has heard nor still may, and where it was tried.
select case_id, response_id, round, array_agg(endpoint) as tried
from deliveries
join unnest($1::text[], $2::text[], $3::text[]) as ended (case_id, response_id, round)
     using (case_id, response_id, round)
where owed
group by case_id, response_id, round
having bool_and(state = 'exhausted')

-- name: deliveries_spare
-- One of the people's channels accepted: the next ones in the order of failing over need not.
update deliveries set state = 'spared'
from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     as heard (case_id, response_id, round, team)
where deliveries.case_id = heard.case_id and deliveries.response_id = heard.response_id
  and deliveries.round = heard.round and deliveries.team = heard.team
  and state in ('due', 'gathered') and attempts = 0 and kind = any($5::text[])

-- name: deliveries_fail_over
-- This channel will not do it: the next one after it is due now.
update deliveries set next_at = least(deliveries.next_at, $6)
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[])
     as lost (case_id, response_id, round, team, rank)
where deliveries.case_id = lost.case_id and deliveries.response_id = lost.response_id
  and deliveries.round = lost.round and deliveries.team = lost.team
  and deliveries.rank = lost.rank + 1
  and state = 'due' and attempts = 0 and kind = any($7::text[])

-- name: deliveries_drop
update deliveries set state = 'spared' where alert_id = any($1::text[])

-- name: deliveries_forget
delete from deliveries where alert_id = any($1::text[]) and state <> 'due'

-- name: deliveries_members
select digest_id, alert_id, case_id, response_id, customer_id, touchpoint, team, priority, channel, kind,
       notice, received_at, traceparent, attempts as attempt, fence, rank, round, owed, receipt from deliveries
where digest_id = any($1::text[]) and state = 'gathered'

-- name: deliveries_digested
-- What was gathered shares the fate of its digest.
update deliveries
set state = $2, delivered_at = case when $2 = 'delivered' then $3::timestamptz end, next_at = $3
where digest_id = any($1::text[]) and state = 'gathered'
returning alert_id, case_id, response_id, customer_id, touchpoint, team, priority, channel, kind,
       notice, received_at, traceparent, attempts as attempt, fence, rank, round, owed, receipt

-- name: deliveries_current
-- The messages about these cases that receivers let us change.
select distinct on (case_id, endpoint) alert_id, case_id, response_id, customer_id, touchpoint, team, priority, channel, kind,
       notice, received_at, traceparent, attempts as attempt, fence, rank, round, owed, receipt from deliveries
where case_id = any($1::text[]) and kind = any($2::text[]) and state = 'delivered' and owed
order by case_id, endpoint, delivered_at desc

-- name: deliveries_stale
-- Updates that a newer one makes needless, and alerts of cases that have ended.
update deliveries set state = 'spared'
from unnest($1::text[], $2::integer[]) as now (case_id, version)
where deliveries.case_id = now.case_id and state in ('due', 'silenced')
  and case when notice->>'type' = 'case.changed' then (notice->>'version')::integer < now.version
           else attempts = 0 and now.case_id = any($3::text[]) end

-- name: deliveries_renew
-- Those still on their way say how the case stands now.
update deliveries
set notice = notice || jsonb_build_object('version', now.version, 'state', now.state,
                                          'assignee', now.assignee)
from unnest($1::text[], $2::integer[], $3::text[], $4::text[])
     as now (case_id, version, state, assignee)
where deliveries.case_id = now.case_id and deliveries.state in ('due', 'silenced', 'gathered')

-- name: cases_now
select case_id, version, state, snapshot from cases where case_id = any($1::text[])

-- name: cases_teams
select case_id, team from cases where case_id = any($1::text[])

-- name: cases_routed
-- Mark cases whose first alert was accepted; returns those it was the first for.
update cases set routed_at = $2 where case_id = any(array(
    select case_id from cases where case_id = any($1::text[]) and routed_at is null
    order by case_id for update
))
returning case_id

-- name: alerts_list
select alert_id, case_id, notice->>'type' as type, team, priority, touchpoint, channel, kind, state,
       attempts, failure, received_at, created_at, delivered_at, digest_id, silence_id,
       case when state in ('due', 'silenced') then next_at end as next_at
from deliveries
where ($1::text is null or case_id = $1) and ($2::text is null or state = $2)
order by created_at desc, alert_id limit $3

-- name: alert_state
select state, failure, attempts from deliveries where alert_id = $1

-- name: alert_replay
-- Deliver once more what was delivered or given up: the same id, a schedule begun anew.
update deliveries set state = 'due', next_at = $2, attempts = 0, fence = fence + 1, failure = null,
       delivered_at = null, digest_id = null
where alert_id = $1 and state in ('delivered', 'exhausted', 'spared')
returning alert_id

-- name: alerts_exhausted
-- What no attempt could deliver and what still may be of use: not the messages that only change or
-- gather others, nothing of a case that is over or of an erased customer ($4).
select alert_id, endpoint, notice->>'type' as type, failure, created_at from deliveries
where created_at >= $1 and created_at < $2 and state = 'exhausted' and ($3::text is null or endpoint = $3)
  and customer_id not like $4
  and notice->>'type' not in ('case.changed', 'alerts.digest', 'channel.test')
  and not exists (select from cases where cases.case_id = deliveries.case_id
                  and cases.state = any($5::text[]))
order by created_at, alert_id for update

-- name: alerts_replay
update deliveries set state = 'due', next_at = $2, attempts = 0, fence = fence + 1, failure = null,
       digest_id = null, notice = notice || coalesce(
           (select jsonb_build_object('version', version, 'state', cases.state,
                                      'assignee', snapshot->>'assignee')
            from cases where cases.case_id = deliveries.case_id), '{}')
where alert_id = any($1::text[])

-- name: silences_list
select silence_id, team, touchpoint, channel, author, comment, starts_at, ends_at from silences
where ends_at > $1 order by ends_at, silence_id

-- name: silence_add
insert into silences (silence_id, team, touchpoint, channel, author, comment, starts_at, ends_at,
                      created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: silence_end
update silences set ends_at = $2 where silence_id = $1 and ends_at > $2 returning silence_id

-- name: silenced_release
-- What a silence held back is owed now, unless somebody has taken the case meanwhile.
update deliveries
set state = case when exists (select from cases where cases.case_id = deliveries.case_id
                              and not (open and cases.state in ('new', 'assigned')))
                 then 'spared' else 'due' end,
    next_at = $2::timestamptz + rank * interval '2 minutes'
where silence_id = any($1::text[]) and state = 'silenced'

-- name: request_claim
-- A key that is known is held as well: retention does not take it away meanwhile.
insert into idempotency_keys as known (action, key, fingerprint, result, at)
values ($1, $2, $3, '{}', $4)
on conflict (action, key) do update set at = known.at
returning fingerprint, result

-- name: request_keep
update idempotency_keys set result = $3 where action = $1 and key = $2
