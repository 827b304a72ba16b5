-- name: add_customers
insert into customers (customer_id) select unnest($1::text[]) on conflict do nothing

-- name: lock_customers
-- In one order everywhere, so that two batches never wait for each other.
select from customers where customer_id = any($1::text[]) order by customer_id for update

-- name: customers_between
-- The next customers in the order of their spread, from anywhere between these places.
select customer_id from customers
where (spread between $1 and $2) or (spread between $3 and $4) or (spread between $5 and $6)

-- name: remember
-- Returns those that were not known.
insert into signals (source, source_event_id, signal, customer_id, occurred_at, correlation,
                     counts_for, body, traceparent, heard_at)
select source, source_event_id, signal, customer_id, occurred_at, correlation,
       string_to_array(counts_for, chr(31)), body, traceparent, $10
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
            $7::text[], $8::jsonb[], $9::text[])
     as heard (source, source_event_id, signal, customer_id, occurred_at, correlation,
               counts_for, body, traceparent)
on conflict do nothing

-- name: heard_before
select source, source_event_id, signal from signals
where (source, source_event_id, signal) in (
    select * from unnest($1::text[], $2::text[], $3::text[])
)

-- name: counted
-- What counts with a new signal: the nearest before it, whose bodies nobody needs, and after it.
with look as (
    select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::interval[], $5::int[],
                         $6::int[]) as look (customer_id, touchpoint, at, within, before, after)
), found as (
    select near.* from look cross join lateral (
        select source, source_event_id, signal, customer_id, occurred_at, correlation, counts_for,
               heard_at, null::jsonb as body, null as traceparent
        from signals
        where customer_id = look.customer_id and counts_for <> '{}'
          and occurred_at between look.at - look.within and look.at
          and look.touchpoint = any(counts_for)
        order by occurred_at desc limit look.before
    ) as near
    union all
    select near.* from look cross join lateral (
        select source, source_event_id, signal, customer_id, occurred_at, correlation, counts_for,
               heard_at, body, traceparent
        from signals
        where customer_id = look.customer_id and counts_for <> '{}'
          and occurred_at between look.at and look.at + look.within
          and look.touchpoint = any(counts_for)
        order by occurred_at limit look.after
    ) as near
)
select distinct on (occurred_at, heard_at, source, source_event_id, signal) * from found
order by occurred_at, heard_at, source, source_event_id, signal, body is null

-- name: counted_about
-- The same, of one correlation ($7) alone.
with look as (
    select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::interval[], $5::int[],
                         $6::int[], $7::text[])
        as look (customer_id, touchpoint, at, within, before, after, correlation)
), found as (
    select near.* from look cross join lateral (
        select source, source_event_id, signal, customer_id, occurred_at, correlation, counts_for,
               heard_at, null::jsonb as body, null as traceparent
        from signals
        where customer_id = look.customer_id and correlation = look.correlation
          and occurred_at between look.at - look.within and look.at
          and look.touchpoint = any(counts_for)
        order by occurred_at desc limit look.before
    ) as near
    union all
    select near.* from look cross join lateral (
        select source, source_event_id, signal, customer_id, occurred_at, correlation, counts_for,
               heard_at, body, traceparent
        from signals
        where customer_id = look.customer_id and correlation = look.correlation
          and occurred_at between look.at and look.at + look.within
          and look.touchpoint = any(counts_for)
        order by occurred_at limit look.after
    ) as near
)
select distinct on (occurred_at, heard_at, source, source_event_id, signal) * from found
order by occurred_at, heard_at, source, source_event_id, signal, body is null

-- name: came
-- The first of a name since a moment; the second too, for the first may be the moment itself.
select distinct on (occurred_at, heard_at, source, source_event_id, signal) came.*
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
         as look (customer_id, name, since, until)
cross join lateral (
    select source, source_event_id, signal, customer_id, occurred_at, correlation, counts_for,
           heard_at, null::jsonb as body, null as traceparent
    from signals
    where customer_id = look.customer_id and signal = look.name
      and occurred_at between look.since and coalesce(look.until, 'infinity')
    order by occurred_at limit 2
) as came
order by occurred_at, heard_at, source, source_event_id, signal

-- name: came_about
-- The same, of one correlation ($5) alone.
select distinct on (occurred_at, heard_at, source, source_event_id, signal) came.*
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[])
         as look (customer_id, name, since, until, correlation)
cross join lateral (
    select source, source_event_id, signal, customer_id, occurred_at, correlation, counts_for,
           heard_at, null::jsonb as body, null as traceparent
    from signals
    where customer_id = look.customer_id and correlation = look.correlation
      and signal = look.name
      and occurred_at between look.since and coalesce(look.until, 'infinity')
    order by occurred_at limit 2
) as came
order by occurred_at, heard_at, source, source_event_id, signal

-- name: save_answers
insert into answers (customer_id, touchpoint, answered_at)
select * from unnest($1::text[], $2::text[], $3::timestamptz[])
on conflict (customer_id, touchpoint) do update
set answered_at = greatest(answers.answered_at, excluded.answered_at)

-- name: answers
select customer_id, touchpoint, answered_at from answers where customer_id = any($1::text[])

-- name: save_cases
-- The newest version wins, whatever order they come in.
insert into cases (case_id, customer_id, version, open)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::boolean[])
on conflict (case_id) do update set version = excluded.version, open = excluded.open
where cases.version < excluded.version

-- name: open_cases
select customer_id, case_id from cases where open and customer_id = any($1::text[])

-- name: contact_history
-- What reached a customer, or may have, by touchpoint; and what is on its way.
select customer_id, touchpoint,
       max(coalesce(sent_at, sending_at)) filter (where state in ('sent', 'unknown')) as sent_at,
       bool_or(state in ('planned', 'sending')) as pending,
       array_agg(distinct correlation) filter (where correlation is not null) as correlations
from invitations where customer_id = any($1::text[]) and not exempt and state <> 'failed'
group by customer_id, touchpoint

-- name: save_bands
insert into bands (response_id, customer_id, band, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
on conflict (response_id) do update set band = excluded.band

-- name: courses
select customer_id,
       array(select band from bands
             where bands.customer_id = each.customer_id and at >= $2 order by at) as bands,
       (select count(*) from signals where signals.customer_id = each.customer_id) as signals
from unnest($1::text[]) as each (customer_id)

-- name: prospects
-- Those of these customers who never stood on a rung.
select customer_id from unnest($1::text[]) as each (customer_id)
where not exists (
    select from contacts where contacts.customer_id = each.customer_id and field = 'rung'
)

-- name: spent
-- When another sender last wrote to a customer.
select customer_id, max(at) as at from spends where customer_id = any($1::text[])
group by customer_id

-- name: waiting
select decision_id, touchpoint, customer_id, signal, attribution, due_at, evidence, traceparent
from candidates where customer_id = any($1::text[]) and (due_at <= $2 or due_at is null)

-- name: customers_of_waiting
select distinct customer_id from candidates where decision_id = any($1::uuid[])

-- name: save_waiting
-- One that is there already was put off.
insert into candidates (decision_id, touchpoint, customer_id, signal, attribution, due_at,
                        evidence, traceparent)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[],
                     $6::timestamptz[], $7::jsonb[], $8::text[])
on conflict (decision_id) do update set due_at = excluded.due_at

-- name: drop_waiting
delete from candidates where decision_id = any($1::uuid[])

-- name: start_rhythms
insert into rhythms (touchpoint, swept_until) select unnest($1::text[]), $2
on conflict do nothing

-- name: take_rhythm
select touchpoint, swept_until from rhythms
where touchpoint = any($1::text[]) and swept_until < $2
order by swept_until limit 1 for update skip locked

-- name: rhythm_swept
update rhythms set swept_until = $2 where touchpoint = $1

-- name: undecided
-- Moments whose timer should have run so long ago, by source.
select signal ->> 'source' as source, count(distinct decision_id) as waiting
from timers join candidates on candidates.decision_id = split_part(ref, '@', 1)::uuid
where kind = 'decide' and timers.due_at < $1
group by 1
