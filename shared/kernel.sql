-- name: inbox_accept
-- Take the events not seen before; returns those.
insert into inbox (source, id, received_at)
select source, id, $3 from unnest($1::text[], $2::text[]) as event (source, id)
on conflict do nothing
returning source, id

-- name: inbox_prune
delete from inbox where received_at < $1

-- name: outbox_add
insert into outbox (id, aggregatetype, aggregateid, type, payload, record_key,
                    header_names, header_values, slot, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: outbox_claim
-- Lock up to all key ranges that have something to send and that no other relay holds.
select slot from outbox_slots
where exists (select from outbox where outbox.slot = outbox_slots.slot)
for update skip locked

-- name: outbox_pending
-- The oldest messages of the locked key ranges, in the order they were written.
select position, id, aggregatetype, aggregateid, type, payload, record_key,
       header_names, header_values, created_at
from outbox where slot = any($1::smallint[]) order by position limit $2

-- name: outbox_sent
delete from outbox where position = any($1::bigint[])

-- name: outbox_oldest
select min(created_at) from outbox

-- name: timers_schedule
insert into timers (kind, ref, due_at, payload)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::jsonb[])
on conflict (kind, ref) do update
set due_at = excluded.due_at, payload = excluded.payload, attempts = 0

-- name: timers_cancel
delete from timers where kind = $1 and ref = any($2::text[])

-- name: timers_claim
-- The array form keeps the plan on the primary key however many timers wait.
delete from timers where id = any(array(
    select id from timers where due_at <= $1 order by due_at, id limit $2 for update skip locked
))
returning kind, ref, due_at, payload, attempts

-- name: timers_again
insert into timers (kind, ref, due_at, payload, attempts) values ($1, $2, $3, $4, $5)
on conflict (kind, ref) do nothing

-- name: timers_next
select min(due_at) from timers

-- name: tallies_add
insert into tallies (metric, labels, value)
select metric, string_to_array(labels, chr(31)), value
from unnest($1::text[], $2::text[], $3::double precision[]) as tally (metric, labels, value)
on conflict (metric, labels) do update set value = tallies.value + excluded.value

-- name: tallies_read
select metric, labels, value from tallies

-- name: notify
select pg_notify(current_schema(), $1)
