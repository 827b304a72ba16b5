-- name: pauses
select topic, since, reason, failed, seen, tries, next_try, open_until from pauses

-- name: pause
-- Two replicas may find out at once; the first one is right.
insert into pauses (topic, since, reason, failed, seen, next_try) values ($1, $2, $3, $4, $5, $6)
on conflict (topic) do nothing

-- name: tried
-- Of replicas that try at once one moves the next try on.
update pauses set tries = tries + 1, next_try = $3, reason = $4, failed = $5, seen = $6
where topic = $1 and tries = $2

-- name: resume
delete from pauses where topic = $1

-- name: try_now
update pauses set next_try = $2, open_until = coalesce($3, open_until) where topic = any($1::text[])

-- name: counted
-- Locked: a replica that lost a partition in mid-batch may still be at it.
select topic, partition, upto, latest from counted where topic = any($1::text[])
order by topic, partition for update

-- name: count_up_to
insert into counted (topic, partition, upto, latest)
select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[])
on conflict (topic, partition) do update set upto = excluded.upto, latest = excluded.latest
