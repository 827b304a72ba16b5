-- name: claim
-- From here on, until the outcome is written or the lease ends, nobody knows whether it was sent.
update invitations
set fence = fence + 1, attempts = attempts + 1, lease_until = $3,
    state = case state when 'planned' then 'sending' else state end,
    sending_at = case state when 'planned' then $2 else sending_at end,
    sent_to = case state when 'planned' then (
        select value from contacts
        where contacts.customer_id = invitations.customer_id and field = $4 and not dead
    ) else sent_to end,
    reminder = case state when 'planned' then reminder else 'sending' end
where invitation_id = any(array(
    select invitation_id from invitations
    where channel = $1 and (state = 'planned' or reminder = 'planned') and next_at <= $2
    order by next_at limit 1 for update skip locked
))
returning body, channel, fence, attempts, useful_until, answer_within, traceparent, tried, exempt,
          reminder is not distinct from 'sending' as reminds, sent_at, sent_to

-- name: sent
-- Also an ask whose lease ended meanwhile: nobody sent it again, so this is the truth about it.
update invitations
set state = 'sent', sent_at = $3, lease_until = null, body = $4, attempts = 0,
    reminder = case when $5::timestamptz is null then null else 'planned' end,
    next_at = coalesce($5, next_at),
    answer_until = case when answered_at is null then $6::timestamptz end
where invitation_id = $1 and fence = $2 and state in ('sending', 'unknown')
returning invitation_id

-- name: failed
update invitations set state = 'failed', lease_until = null, body = $3
where invitation_id = $1 and fence = $2 and state in ('sending', 'unknown')
returning invitation_id

-- name: again
-- Given back, to be tried again, perhaps over another channel.
update invitations
set state = 'planned', lease_until = null, sending_at = null, next_at = $3, channel = $4,
    attempts = case when channel = $4 then attempts else 0 end, tried = $5, body = $6
where invitation_id = $1 and fence = $2 and state = 'sending'
returning invitation_id

-- name: unknown
update invitations set state = 'unknown', lease_until = null
where invitation_id = $1 and fence = $2 and state = 'sending'
returning invitation_id

-- name: unknown_ones
-- What may have been sent and is not sent again, the newest first; of reminders, when they were due.
select invitation_id, customer_id, touchpoint, channel, state <> 'unknown' as reminder,
       case when state = 'unknown' then sending_at else next_at end as at
from invitations where state = 'unknown' or reminder = 'unknown'
order by at desc nulls last limit $1

-- name: reminded
update invitations set reminder = $3, lease_until = null, next_at = coalesce($4, next_at)
where invitation_id = $1 and fence = $2 and reminder = 'sending'
returning invitation_id

-- name: expire
-- Whoever held these died between sending and writing it down. They are sent again only where the
-- provider recognises a repeat.
update invitations
set lease_until = null, next_at = case when channel = any($2::text[]) then $1 else next_at end,
    sending_at = case when state = 'sending' and channel = any($2::text[]) then null
                 else sending_at end,
    state = case when state <> 'sending' then state
            when channel = any($2::text[]) then 'planned' else 'unknown' end,
    reminder = case when reminder is distinct from 'sending' then reminder
               when channel = any($2::text[]) then 'planned' else 'unknown' end
where (state = 'sending' or reminder = 'sending') and lease_until < $1
returning invitation_id, channel, state, reminder

-- name: next_work
select min(at) from (
    select min(next_at) as at from invitations
    where channel = $1 and (state = 'planned' or reminder = 'planned')
    union all
    select min(lease_until) from invitations where state = 'sending' or reminder = 'sending'
) as work

-- name: take_token
-- One token, if there is one; else when there will be. A channel has as many as it fills in a minute.
insert into channel_rates as known (channel, tokens, at) values ($1, $2::float8 - 1, $3)
on conflict (channel) do update
set tokens = least($2::float8, known.tokens
        + extract(epoch from greatest($3 - known.at, interval '0')) * $2::float8 / 60) - 1,
    at = greatest(known.at, $3)
where least($2::float8, known.tokens
        + extract(epoch from greatest($3 - known.at, interval '0')) * $2::float8 / 60) >= 1
returning channel

-- name: other_contact
-- What else reached the customer after this ask was planned: another sender, or an ask nobody knows.
select max(at) from (
    select at from spends where customer_id = $1 and at >= $3
    union all
    select coalesce(sent_at, sending_at) from invitations
    where customer_id = $1 and invitation_id <> $2 and not exempt and state in ('sent', 'unknown')
      and coalesce(sent_at, sending_at) >= $3
) as others

-- name: add_spend
insert into spends (customer_id, sender, at) values ($1, $2, $3)

-- name: answered_since
select exists (select from answers where customer_id = $1 and touchpoint = $2 and answered_at >= $3)

-- name: open_case
select exists (select from cases where customer_id = $1 and open)

-- name: cancelled_since
select exists (
    select from signals
    where customer_id = $1 and correlation = $2 and signal = any($3::text[]) and occurred_at >= $4
)

-- name: delivery_add
insert into deliveries (invitation_id, outcome, channel, at) values ($1, $2, $3, $4)
on conflict do nothing returning invitation_id

-- name: invitation
select body, channel, state, fence, attempts, useful_until, answer_within, traceparent, tried,
       exempt, sent_at, sent_to, false as reminds
from invitations where invitation_id = $1 for update

-- name: bounced
-- It reached nobody: it counts no more, and may be tried over another channel.
update invitations
set state = $2, channel = $3, tried = $4, next_at = $5, body = $6, attempts = 0, sent_at = null,
    sending_at = null, lease_until = null, fence = fence + 1, answer_until = null,
    reminder = case when reminder is null then null else 'dropped' end
where invitation_id = $1

-- name: answered
-- Also before its sender wrote down that it was sent: customers can be faster.
update invitations set answered_at = said.at, answer_until = null
from unnest($1::uuid[], $2::timestamptz[]) as said (invitation_id, at)
where invitations.invitation_id = said.invitation_id and answered_at is null

-- name: unanswered
update invitations set answer_until = null
where invitation_id = any(array(
    select invitation_id from invitations where answer_until < $1
    order by answer_until limit $2 for update skip locked
))
returning body
