-- Whose orders, tickets and invoices had a moment, whether or not it was asked about.
create table subjects (
    correlation text        not null,
    customer_id text        not null,
    at          timestamptz not null,
    primary key (correlation, customer_id)
);
create index subjects_customer on subjects (customer_id);
create index subjects_at on subjects (at);
