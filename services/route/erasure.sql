-- name: erase_digests
-- A digest was begun by one of its alerts and names what that one was about.
update deliveries set notice = notice - array['correlation', 'about']
where alert_id in (select digest_id from deliveries where customer_id = $1 and digest_id is not null)

-- name: erase_deliveries
-- Nobody can be contacted about these any more. What is being sent at this moment is told by its
-- fence that nobody waits for its outcome.
update deliveries
set customer_id = $2, notice = notice - array['comment', 'correlation', 'about', 'reasons', 'effort', 'contact_wanted'],
    fence = fence + 1,
    state = case when state in ('due', 'silenced', 'gathered') then 'spared' else state end
where customer_id = $1

-- name: erase_cases
update cases set customer_id = $2 where customer_id = $1

-- name: take_back
update deliveries set notice = notice - array['comment', 'reasons', 'effort', 'contact_wanted'] where response_id = any($1::text[])
