-- name: save_contacts
-- The newest value of each field wins; of two equally new ones the one that came last.
insert into contacts (customer_id, field, value, updated_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
on conflict (customer_id, field) do update
set value = excluded.value, updated_at = excluded.updated_at
where contacts.updated_at <= excluded.updated_at

-- name: contacts
select customer_id, jsonb_object_agg(field, value) as card
from contacts where customer_id = any($1::text[]) group by customer_id

-- name: add_opt_outs
-- Said twice is as good as said once; the first time stands.
insert into opt_outs (customer_id, touchpoint, invitation_id, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
on conflict do nothing

-- name: opt_outs
select customer_id, touchpoint from opt_outs where customer_id = any($1::text[])

-- name: known_decisions
-- Those of these decisions that were taken already, or that wait for their time.
select decision_id from decisions where decision_id = any($1::uuid[])
union all
select decision_id from candidates where decision_id = any($1::uuid[])

-- name: add_decisions
insert into decisions (decision_id, source, source_event_id, signal, touchpoint, customer_id,
                       outcome, silence, decided_at, body)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::text[], $9::timestamptz[], $10::jsonb[])

-- name: decisions_of
select body from decisions
where customer_id = $1 and ($2::text is null or signal = $2)
order by decided_at desc, decision_id limit $3

-- name: add_invitations
insert into invitations (invitation_id, decision_id, customer_id, touchpoint, correlation, channel,
                         next_at, useful_until, answer_within, body, traceparent, exempt)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[], $9::interval[], $10::jsonb[], $11::text[],
                     $12::boolean[])

-- name: withdraw
-- Only what nobody has begun to send: it never reached anyone.
update invitations set state = 'failed', body = body || '{"failure": "cancelled"}'
where state = 'planned' and exists (
    select from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
        as wish (customer_id, touchpoint, correlation, at)
    where wish.customer_id = invitations.customer_id and wish.touchpoint = invitations.touchpoint
      and wish.correlation = invitations.body ->> 'correlation'
      and wish.at >= (invitations.body ->> 'occurred_at')::timestamptz
)
returning body

-- name: claim_invitation
-- From here on, until the outcome is written or the lease ends, nobody knows whether it was sent.
update invitations
set state = 'sending', fence = fence + 1, attempts = attempts + 1, sending_at = $1, lease_until = $2
where invitation_id = any(array(
    select invitation_id from invitations where state = 'planned' and next_at <= $1
    order by next_at limit 1 for update skip locked
))
returning body, fence, attempts, useful_until, answer_within, traceparent

-- name: mark_sent
-- Also an ask whose lease ended meanwhile: nobody sent it again, so this is the truth about it.
update invitations set state = 'sent', sent_at = $3, lease_until = null, body = $4
where invitation_id = $1 and fence = $2 and state in ('sending', 'unknown')
returning invitation_id

-- name: mark_failed
update invitations set state = 'failed', lease_until = null, body = $3
where invitation_id = $1 and fence = $2 and state in ('sending', 'unknown')
returning invitation_id

-- name: mark_planned
update invitations set state = 'planned', lease_until = null, sending_at = null, next_at = $3
where invitation_id = $1 and fence = $2 and state = 'sending'

-- name: mark_unknown
update invitations set state = 'unknown', lease_until = null
where invitation_id = $1 and fence = $2 and state = 'sending'
returning invitation_id

-- name: expire_leases
-- Whoever held these died between sending and writing it down: they are never sent again.
update invitations set state = 'unknown', lease_until = null
where state = 'sending' and lease_until < $1
returning invitation_id, channel

-- name: next_work
select min(at) from (
    select min(next_at) as at from invitations where state = 'planned'
    union all
    select min(lease_until) from invitations where state = 'sending'
) as work
