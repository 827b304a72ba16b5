-- name: cases_lock
-- Locked in one order, so that batches and actions never wait for each other in a circle.
select case_id, cycle, started_at, route_decided, snapshot, first_alert_delivered_at as delivered_at
from cases left join case_alerts using (case_id)
where case_id = any($1::text[]) order by case_id for update of cases

-- name: route_decide
-- Returns those whose route clock was not counted before.
update cases set route_decided = true
where case_id = any($1::text[]) and not route_decided
returning case_id

-- name: cases_of_scores
select case_id, response_id from case_scores where response_id = any($1::text[])

-- name: corrections_hold
-- Whoever hears of a case and whoever hears of a correction meet here, whichever is first: neither can
-- miss what the other writes.
insert into corrections as known (response_id, customer_id, at)
select response_id, customer_id, $3
from unnest($1::text[], $2::text[]) as heard (response_id, customer_id)
on conflict (response_id) do update set at = known.at
returning response_id, customer_id, score, band, comment, chosen, at

-- name: corrections_keep
update corrections
set score = news.score, band = news.band, comment = news.comment, chosen = news.chosen, at = news.at
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[])
     as news (response_id, score, band, comment, chosen, at)
where corrections.response_id = news.response_id

-- name: corrections_drop
delete from corrections where response_id = any($1::text[])

-- name: score_owner
select response_id from case_scores where case_id = any($1::text[])

-- name: recovery_add
-- Returns those that were not known.
insert into recovery_answers (response_id, case_id, cycle, team, root_cause, band, at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (response_id) do nothing
returning response_id

-- name: recovery_rates
select team, root_cause, count(*) as answered,
       count(*) filter (where band = 'high') as agreed
from recovery_answers where at >= $1 and at < $2
group by team, root_cause order by team, root_cause

-- name: scores_put
-- A later word of the same customer replaces the earlier one.
insert into scores (response_id, touchpoint, band, received_at, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
on conflict (response_id) do update set band = excluded.band, at = excluded.at
where scores.at < excluded.at

-- name: scores_between
select count(*) as answered, count(*) filter (where band = 'low') as low
from scores where touchpoint = $1 and received_at >= $2 and received_at < $3

-- name: causes_put
insert into case_causes (case_id, team, touchpoint, root_cause, resolved_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
on conflict (case_id) do update
set team = excluded.team, root_cause = excluded.root_cause, resolved_at = excluded.resolved_at

-- name: causes_counted
-- How often each cause was given lately, and in the time before that.
select team, root_cause, count(*) filter (where resolved_at >= $2) as lately,
       count(*) filter (where resolved_at < $2) as before
from case_causes where resolved_at >= $1 and resolved_at < $3 and ($4::text is null or team = $4)
group by team, root_cause order by team, root_cause

-- name: fix_put
insert into fixes (root_cause, touchpoint, fixed_on, team, actor, note, at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (root_cause, touchpoint, fixed_on) do nothing

-- name: fixes_list
select root_cause, touchpoint, fixed_on, team, actor, note from fixes
where $1::text is null or root_cause = $1 order by fixed_on desc, root_cause, touchpoint

-- name: cases_unwatched
-- Cases that time should still do something to, and that no timer waits for.
select case_id from cases
where state in ('new', 'assigned', 'acknowledged', 'contacted', 'waiting_customer', 'resolved')
  and not exists (select from timers where timers.kind = 'case' and timers.ref = cases.case_id)
limit $1

-- name: cases_write
-- Versions only rise: whatever arrives late changes nothing.
insert into cases (case_id, customer_id, touchpoint, team, priority, state, assignee, version, cycle,
                   opened_at, started_at, next_due_at, snapshot, soon_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::integer[], $9::integer[], $10::timestamptz[], $11::timestamptz[],
                     $12::timestamptz[], $13::jsonb[], $14::timestamptz[])
on conflict (case_id) do update
set team = excluded.team, priority = excluded.priority, state = excluded.state,
    assignee = excluded.assignee, version = excluded.version, cycle = excluded.cycle,
    next_due_at = excluded.next_due_at, snapshot = excluded.snapshot, soon_at = excluded.soon_at
where cases.version < excluded.version

-- name: events_add
insert into case_events (case_id, version, type, actor, from_state, to_state, reason, at, body)
select * from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::timestamptz[], $9::jsonb[])

-- name: scores_known
select case_id, response_id from case_scores where case_id = any($1::text[])

-- name: scores_add
insert into case_scores (case_id, response_id, received_at)
select * from unnest($1::text[], $2::text[], $3::timestamptz[])
on conflict do nothing

-- name: alerts_delivered
-- The earliest delivery of each case; repeats and stragglers change nothing.
insert into case_alerts (case_id, first_alert_delivered_at)
select case_id, min(at) from unnest($1::text[], $2::timestamptz[]) as alert (case_id, at)
group by case_id order by case_id
on conflict (case_id) do update
set first_alert_delivered_at = excluded.first_alert_delivered_at
where excluded.first_alert_delivered_at < case_alerts.first_alert_delivered_at

-- name: breaches_add
-- Returns those that were not marked before.
insert into case_breaches (case_id, clock, cycle, due_at, at)
select *, $5 from unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[])
on conflict do nothing
returning case_id, clock, cycle

-- name: result_of_key
select fingerprint, result from idempotency_keys where case_id = $1 and action = $2 and key = $3

-- name: result_keep
insert into idempotency_keys (case_id, action, key, fingerprint, result, at)
values ($1, $2, $3, $4, $5, $6)

-- name: cases_list
select snapshot, first_alert_delivered_at
from cases left join case_alerts using (case_id)
where ($1::text is null or team = $1) and ($2::text[] is null or state = any($2))
order by opened_at desc, case_id limit $3

-- name: case_read
select snapshot, first_alert_delivered_at
from cases left join case_alerts using (case_id) where case_id = $1

-- name: case_history
select type, body from case_events where case_id = $1 order by version

-- name: cases_now
-- What waits for somebody, by team and priority.
select team, priority, count(*) as open, count(*) filter (where next_due_at < $1) as overdue,
       count(*) filter (where next_due_at >= $1 and soon_at < $1) as due_soon,
       min(opened_at) as oldest, sum(extract(epoch from $1 - opened_at))::double precision as age_sum,
       array_agg(width_bucket(extract(epoch from $1 - opened_at)::double precision,
                              $2::double precision[])) as age_buckets
from cases
where state in ('new', 'assigned', 'acknowledged', 'contacted', 'waiting_customer')
group by team, priority

-- name: breaches_unmarked
-- First clocks that ran out, of cases that the sweep has not come to: it may be late, or not run.
select team, priority, deadline->>'clock' as clock, count(*) as late
from cases
left join case_alerts using (case_id)
cross join lateral jsonb_array_elements(snapshot->'deadlines') as deadline
where state in ('new', 'assigned', 'acknowledged', 'contacted', 'waiting_customer')
  and cases.cycle = 1 and (next_due_at < $1 or not route_decided)
  and moment(deadline->>'due_at') < $1
  and case deadline->>'clock'
      when 'route' then not route_decided
           and coalesce(first_alert_delivered_at > moment(deadline->>'due_at'), true)
      when 'confirm' then false
      else deadline->>'met_at' is null and deadline->>'paused_at' is null
           and not exists (select from case_breaches
                           where case_breaches.case_id = cases.case_id
                             and case_breaches.cycle = 1 and clock = deadline->>'clock')
      end
group by team, priority, clock
