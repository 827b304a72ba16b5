-- Answers as the ladder counts them: each response once, with its newest band.
create table bands (
    response_id text        primary key,
    customer_id text        not null,
    band        text        not null,
    at          timestamptz not null
);
create index bands_customer on bands (customer_id, at);
