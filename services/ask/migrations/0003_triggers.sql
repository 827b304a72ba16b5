-- What triggers need to remember: signals heard, answers, cases, and how far a rhythm has come.

-- Each signal that a touchpoint depends on, once. `body` is kept where the signal is counted.
create table signals (
    source          text        not null,
    source_event_id text        not null,
    signal          text        not null,
    customer_id     text        not null,
    occurred_at     timestamptz not null,
    correlation     text,
    counts_for      text[]      not null default '{}',
    body            jsonb,
    traceparent     text,
    heard_at        timestamptz not null,
    primary key (source, source_event_id, signal)
);
create index signals_customer on signals (customer_id, occurred_at);
create index signals_heard_at on signals (heard_at);

-- The last answer of a customer by touchpoint.
create table answers (
    customer_id text        not null,
    touchpoint  text        not null,
    answered_at timestamptz not null,
    primary key (customer_id, touchpoint)
);

-- Cases that somebody works on, and the newest version known of each.
create table cases (
    case_id     text    primary key,
    customer_id text    not null,
    version     integer not null,
    open        boolean not null
);
create index cases_open on cases (customer_id) where open;

-- When a waiting moment may be judged at the earliest, and what its trigger found.
alter table candidates add column due_at timestamptz;
alter table candidates add column evidence jsonb not null default '{}';
update candidates set due_at = (
    select due_at from timers where kind = 'decide' and ref = candidates.decision_id::text
);
create index candidates_customer on candidates (customer_id);

-- Recovery questions: no cap holds them back, and they hold back nothing else.
alter table invitations add column exempt boolean not null default false;

-- Customers in a fixed order that has nothing to do with who they are: rhythms walk along it.
create function spread(id text) returns double precision immutable strict language sql
    return ('x' || left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 12))::bit(48)::bigint
           / 281474976710656.0::double precision;
alter table customers add column spread double precision generated always as (spread(customer_id)) stored;
create index customers_spread on customers (spread);
insert into customers (customer_id) select distinct customer_id from contacts on conflict do nothing;

-- Up to when the customers of a rhythm have had their moment.
create table rhythms (
    touchpoint  text        primary key,
    swept_until timestamptz not null
);
