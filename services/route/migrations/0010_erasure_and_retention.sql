-- What forgetting and retention look for.
create index deliveries_customer on deliveries (customer_id);
create index deliveries_response on deliveries (response_id);
create index responses_completed_at on responses (completed_at);

-- The snapshot's time has its zone, so reading it depends on nothing else.
create function moment(text) returns timestamptz immutable strict language sql
    as $$ select $1::timestamptz $$;
alter table cases add column ended_at timestamptz generated always as (
    case when state in ('closed', 'closed_unconfirmed', 'merged', 'suppressed', 'corrected')
         then coalesce(moment(snapshot->>'at'), opened_at) end
) stored;
create index cases_ended_at on cases (ended_at);
drop index idempotency_keys_at;
create index idempotency_keys_at on idempotency_keys (at);
