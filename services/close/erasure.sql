-- name: cases_of
select case_id from cases where customer_id = $1

-- name: cases_with
-- Cases that these responses opened or joined, or whose resolution they speak of.
select case_id from case_scores where response_id = any($1::text[])
union
select case_id from recovery_answers where response_id = any($1::text[])

-- name: events_of
select case_id, version, body from case_events where case_id = any($1::text[])

-- name: rewrite_event
update case_events set body = $3 where case_id = $1 and version = $2

-- name: erase_case
update cases set customer_id = $2, snapshot = $3 where case_id = $1

-- name: forget_requests
-- What was answered to them holds the case as it was.
delete from idempotency_keys where case_id = any($1::text[])

-- name: erase_corrections
delete from corrections where customer_id = $1

-- name: take_back_corrections
update corrections set comment = null, chosen = '{}' where response_id = any($1::text[])

-- name: take_back_comments
update case_events
set body = body #- '{score,comment}' #- '{score,reasons}' #- '{score,effort}' #- '{score,contact_wanted}'
where case_id = any($1::text[]) and body->'score'->>'response_id' = any($2::text[])

-- name: take_back_answers
-- What customers said of a resolution stands as the note of what they made of the case.
with said as (
    select case_id from recovery_answers where response_id = any($1::text[])
), now as (
    update cases set snapshot = snapshot - 'note'
    where case_id in (select case_id from said) and snapshot->>'actor' = 'customer'
)
update case_events set body = body - 'note'
where case_id in (select case_id from said) and actor = 'customer'
