-- What forgetting and retention look for.
create index cases_customer on cases (customer_id);
create index case_scores_response on case_scores (response_id);
create index scores_received_at on scores (received_at);

-- The snapshot's time has its zone, so reading it depends on nothing else.
create function moment(text) returns timestamptz immutable strict language sql
    as $$ select $1::timestamptz $$;
alter table cases add column ended_at timestamptz generated always as (
    case when state in ('closed', 'closed_unconfirmed', 'merged', 'suppressed', 'corrected')
         then moment(snapshot->>'at') end
) stored;
create index cases_ended_at on cases (ended_at);
drop index idempotency_keys_at;
create index idempotency_keys_at on idempotency_keys (at);
