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

-- name: waiting_of
select touchpoint, signal, due_at from candidates
where customer_id = $1 and ($2::text is null or signal ->> 'signal' = $2)
order by due_at, decision_id limit $3

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
