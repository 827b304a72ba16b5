-- A case that comes back is alerted anew: which low score an alert tells of. Older alerts tell of the
-- opening.
alter table deliveries add column response_id text not null default '';
