-- name: erase_invitations
update invitations
set customer_id = $2, state = 'cancelled', correlation = null, attributes = '{}'
where customer_id = $1

-- name: erase_responses
update responses
set customer_id = $2, anonymous = true, invitation_id = null, comment = null,
    contact_wanted = false, correlation = null, attributes = '{}',
    answers = (select coalesce(jsonb_object_agg(key, value), '{}')
               from jsonb_each(answers) where key = any($3::text[]))
where customer_id = $1

-- name: erase_feedback
update feedback set customer_id = $2, anonymous = true, text = '', correlation = null
where customer_id = $1

-- name: erase_subjects
delete from subjects where customer_id = $1
