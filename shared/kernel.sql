-- name: inbox_accept
-- Take the events not seen before; returns those.
insert into inbox (source, id, received_at)
select source, id, $3 from unnest($1::text[], $2::text[]) as event (source, id)
on conflict do nothing
returning source, id

-- name: inbox_prune
-- In slices, so that a large backlog of old rows never outlasts the command time-out.
delete from inbox where ctid = any(array(
    select ctid from inbox where received_at < $1 limit $2
))

-- name: outbox_add
-- All messages of a transaction in their order, and the word to the relay, in one go. The lists of
-- headers come as array literals: an array of arrays would need them to be of one length.
with written as (
    insert into outbox (id, aggregatetype, aggregateid, type, payload, record_key,
                        header_names, header_values, slot, created_at)
    select id, topic, key, type, payload, record_key, names::text[], content::bytea[], slot, $10
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[],
                $7::text[], $8::text[], $9::smallint[]) with ordinality
         as message (id, topic, key, type, payload, record_key, names, content, slot, number)
    order by number
)
select pg_notify(current_schema(), 'outbox')

-- name: outbox_claim
-- Lock up to all key ranges that have something to send and that no other relay holds.
select slot from outbox_slots
where exists (
    select from outbox where outbox.slot = outbox_slots.slot and outbox.refused is null
)
for update skip locked

-- name: outbox_pending
-- The oldest messages of the locked key ranges, in the order they were written: up to $2 of them
-- and up to $3 bytes, and at least one. Topics in $4 are held back.
select * from (
    select *, sum(coalesce(length(payload), 0)) over (order by position) as bytes_so_far
    from (
        select position, aggregatetype, payload, record_key, header_names, header_values, created_at
        from outbox
        where slot = any($1::smallint[]) and refused is null
          and aggregatetype <> all($4::text[])
        order by position limit $2
    ) as oldest
) as counted
where bytes_so_far - coalesce(length(payload), 0) < $3
order by position

-- name: outbox_refuse
update outbox set refused = $2 where position = $1

-- name: outbox_sent
delete from outbox where position = any($1::bigint[])

-- name: waiting_since
-- The oldest unsent message, by its place in the order, and the oldest timer that should have run.
select (select created_at from outbox where refused is null order by position limit 1) as outbox,
       (select count(*) from outbox where refused is not null) as refused,
       (select min(due_at) from timers where due_at <= $1) as timer

-- name: timers_schedule
insert into timers (kind, ref, due_at, payload)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::jsonb[])
on conflict (kind, ref) do update
set due_at = excluded.due_at, payload = excluded.payload, attempts = 0

-- name: timers_hold
select from timers where kind = $1 and ref = any($2::text[]) order by id for update

-- name: timers_cancel
delete from timers where kind = $1 and ref = any($2::text[])

-- name: timers_claim
-- The array form keeps the plan on the primary key however many timers wait.
delete from timers where id = any(array(
    select id from timers where due_at <= $1 and kind = any($3::text[])
    order by due_at, id limit $2 for update skip locked
))
returning kind, ref, due_at, payload, attempts

-- name: timers_again
insert into timers (kind, ref, due_at, payload, attempts) values ($1, $2, $3, $4, $5)
on conflict (kind, ref) do nothing

-- name: timers_next
select min(due_at) from timers where kind = any($1::text[])

-- name: tallies_add
insert into tallies (metric, labels, value)
select metric, string_to_array(labels, chr(31)), value
from unnest($1::text[], $2::text[], $3::double precision[]) as tally (metric, labels, value)
on conflict (metric, labels) do update set value = tallies.value + excluded.value

-- name: tallies_read
select metric, labels, value from tallies

-- name: notify
select pg_notify(current_schema(), $1)

-- name: erasure_hold
-- Erasing waits for the batches in hand, and they for it, but not for each other: else what a batch
-- has read before and writes after would stay.
select case when $1::boolean
    then pg_advisory_xact_lock(hashtextextended(current_schema() || '.erasure', 0))
    else pg_advisory_xact_lock_shared(hashtextextended(current_schema() || '.erasure', 0)) end

-- name: tombstones_read
select key, at from tombstones where key = any($1::text[])

-- name: tombstones_set
insert into tombstones (key, at) values ($1, $2)
on conflict (key) do update set at = greatest(tombstones.at, excluded.at)

-- name: tombstones_lift
delete from tombstones where key = any($1::text[])

-- name: outbox_of
select position, type, payload, header_names, header_values
from outbox where record_key = $1 order by position for update

-- name: outbox_rewrite
-- The slot stays, and with it the order among the messages of this key.
update outbox
set payload = $2, record_key = $3, aggregateid = $4, header_names = $5, header_values = $6
where position = $1

-- name: outbox_drop
delete from outbox where position = any($1::bigint[])
