-- Who does not want to be asked any more: about one touchpoint, or (null) about anything.
create table opt_outs (
    customer_id   text        not null,
    touchpoint    text,
    invitation_id text,
    at            timestamptz not null,
    unique nulls not distinct (customer_id, touchpoint)
);
