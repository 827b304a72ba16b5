-- name: cases_of
select case_id, snapshot from cases where customer_id = $1 order by case_id for update

-- name: cases_with
select case_id, snapshot from cases
where snapshot->'score'->>'response_id' = any($1::text[]) order by case_id for update

-- name: erase_case
update cases set customer_id = $2, search = $3, snapshot = $4 where case_id = $1

-- name: erase_timeline
update timeline
set customer_id = $2,
    detail = detail - array['comment', 'text', 'note', 'contact_how', 'contact_outcome']
where customer_id = $1

-- name: take_back_lines
update timeline set detail = detail - 'comment' where detail->>'response_id' = any($1::text[])

-- name: take_back_notes
update timeline set detail = detail - 'note'
where kind = 'case' and detail->>'case_id' = any($1::text[]) and detail->>'actor' = 'customer'

-- name: take_back_last_notes
update cases set snapshot = snapshot - 'note'
where case_id = any($1::text[]) and snapshot->>'actor' = 'customer'
