-- name: save_cards
-- The newest value of each field wins; of two equally new ones the one that came last.
insert into contacts (customer_id, field, value, updated_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
on conflict (customer_id, field) do update
set value = excluded.value, updated_at = excluded.updated_at, dead = false
where contacts.updated_at <= excluded.updated_at

-- name: cards
select customer_id, jsonb_object_agg(field, value) as card
from contacts where customer_id = any($1::text[]) and value is not null and not dead
group by customer_id

-- name: dead_fields
select field from contacts where customer_id = $1 and dead

-- name: address
select value, dead_value from contacts
where customer_id = $1 and field = $2 and value is not null and not dead

-- name: mark_dead
-- The address $3 is not used should it come again; the one that is there now, only if it is $4.
update contacts set dead = dead or value is not distinct from $4, dead_value = coalesce($3, value)
where customer_id = $1 and field = $2 and value is not null

-- name: updated_at
select max(updated_at) from contacts where customer_id = $1

-- name: add_opt_outs
-- Said twice is as good as said once; the first time stands.
insert into opt_outs (customer_id, touchpoint, invitation_id, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
on conflict do nothing

-- name: lift_opt_out
delete from opt_outs where customer_id = $1 and touchpoint is not distinct from $2
returning customer_id

-- name: opt_outs
select customer_id, touchpoint from opt_outs where customer_id = any($1::text[])

-- name: erase_card
delete from contacts where customer_id = $1

-- name: add_customer
insert into customers (customer_id) values ($1) on conflict do nothing

-- name: hold_customer
select from customers where customer_id = $1 for update

-- name: erase_lock
delete from customers where customer_id = $1

-- name: erase_opt_outs
-- Who did not want to be asked still does not, should they come back.
insert into opt_outs (customer_id, touchpoint, at)
select $2, touchpoint, at from opt_outs where customer_id = $1 on conflict do nothing

-- name: erase_opt_outs_named
delete from opt_outs where customer_id = $1

-- name: restore_opt_outs
insert into opt_outs (customer_id, touchpoint, at)
select back.customer_id, touchpoint, opt_outs.at
from unnest($1::text[], $2::text[]) as back (customer_id, pseudonym)
join opt_outs on opt_outs.customer_id = back.pseudonym on conflict do nothing

-- name: erase_candidates
-- Nothing becomes of them any more, which is decided at once.
update candidates set customer_id = $2, due_at = null, evidence = '{}', signal =
    signal - 'correlation' || jsonb_build_object('customer_id', $2::text, 'attributes', '{}'::jsonb)
where customer_id = $1

-- name: waiting_erased
select decision_id from candidates where customer_id = $1

-- name: erase_decisions
update decisions set customer_id = $2,
    body = body - 'correlation' - 'rules' - 'attributes' || jsonb_build_object('customer_id', $2::text)
where customer_id = $1

-- name: erase_invitations
-- What is being sent at this moment is told by its fence that nobody waits for its outcome.
update invitations set customer_id = $2, correlation = null, fence = fence + 1, lease_until = null,
    answer_until = null, sent_to = null,
    state = case state when 'planned' then 'failed' when 'sending' then 'unknown' else state end,
    reminder = case when reminder in ('planned', 'sending') then 'dropped' else reminder end,
    body = body - 'correlation' || jsonb_build_object('customer_id', $2::text, 'attributes', '{}'::jsonb)
where customer_id = $1

-- name: erase_signals
update signals set customer_id = $2, correlation = null, body = null where customer_id = $1

-- name: erase_cases
-- Nobody is held back by them any more.
update cases set customer_id = $2, open = false where customer_id = $1

-- name: erase_spends
update spends set customer_id = $2 where customer_id = $1

-- name: erase_bands
delete from bands where customer_id = $1

-- name: erase_answers
delete from answers where customer_id = $1

-- name: once_claim
insert into idempotency_keys (action, key, fingerprint, at) values ($1, $2, $3, $4)
on conflict do nothing returning key

-- name: once_read
select fingerprint, status, result from idempotency_keys where action = $1 and key = $2

-- name: once_keep
update idempotency_keys set status = $3, result = $4 where action = $1 and key = $2
