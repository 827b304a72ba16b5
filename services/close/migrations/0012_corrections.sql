-- Corrected answers that opened or joined no case that we know of: the case may come after them. A row
-- without a band only keeps the place while somebody writes.
create table corrections (
    response_id text        primary key,
    customer_id text        not null,
    score       integer,
    band        text,
    comment     text,
    chosen      jsonb       not null default '{}',
    at          timestamptz not null
);
create index corrections_customer on corrections (customer_id);
create index corrections_at on corrections (at);
