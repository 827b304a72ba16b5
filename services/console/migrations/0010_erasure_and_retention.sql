-- What forgetting and retention look for.
create index timeline_response on timeline ((detail->>'response_id'))
    where detail->>'response_id' is not null;
create index timeline_case on timeline ((detail->>'case_id'))
    where detail->>'actor' = 'customer';
create index timeline_kind_at on timeline (kind, at);
create index cases_response on cases ((snapshot->'score'->>'response_id'));

-- The snapshot's time has its zone, so reading it depends on nothing else.
create function moment(text) returns timestamptz immutable strict language sql
    as $$ select $1::timestamptz $$;
alter table cases add column ended_at timestamptz generated always as (
    case when state in ('closed', 'closed_unconfirmed', 'merged', 'suppressed', 'corrected')
         then moment(snapshot->>'at') end
) stored;
create index cases_ended_at on cases (ended_at);
