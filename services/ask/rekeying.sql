-- Where contact details stand encrypted, read in the order of the primary key, and written anew. Whoever
-- holds a row is not waited for, and what was written meanwhile stays: it is looked at again.

-- name: cards_after
select customer_id as one, field as two, value as token from contacts
where (customer_id, field) > ($1, $2) and field in ('email', 'phone', 'name') and value is not null
order by customer_id, field limit $3

-- name: cards_renew
update contacts set value = held.fresh
from (
    select contacts.customer_id, contacts.field, said.fresh
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as said (customer_id, field, token, fresh)
    join contacts on contacts.customer_id = said.customer_id and contacts.field = said.field
    where contacts.value = said.token for update of contacts skip locked
) as held
where contacts.customer_id = held.customer_id and contacts.field = held.field
returning contacts.customer_id

-- name: bounced_after
select customer_id as one, field as two, dead_value as token from contacts
where (customer_id, field) > ($1, $2) and dead_value is not null
order by customer_id, field limit $3

-- name: bounced_renew
update contacts set dead_value = held.fresh
from (
    select contacts.customer_id, contacts.field, said.fresh
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as said (customer_id, field, token, fresh)
    join contacts on contacts.customer_id = said.customer_id and contacts.field = said.field
    where contacts.dead_value = said.token for update of contacts skip locked
) as held
where contacts.customer_id = held.customer_id and contacts.field = held.field
returning contacts.customer_id

-- name: asks_after
select invitation_id::text as one, '' as two, sent_to as token from invitations
where invitation_id > coalesce(nullif($1, ''), '00000000-0000-0000-0000-000000000000')::uuid
  and $2::text = '' and sent_to is not null
order by invitation_id limit $3

-- name: asks_renew
update invitations set sent_to = held.fresh
from (
    select invitations.invitation_id, said.fresh
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as said (invitation_id, two, token, fresh)
    join invitations on invitations.invitation_id = said.invitation_id::uuid
    where invitations.sent_to = said.token for update of invitations skip locked
) as held
where invitations.invitation_id = held.invitation_id
returning invitations.invitation_id
