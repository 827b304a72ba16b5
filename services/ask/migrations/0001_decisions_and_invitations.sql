-- What is known of customers, what was decided about their moments, and the asks on their way.

-- One row per field, so that the newest value of each wins whatever order updates come in.
-- email, phone and name are kept encrypted, as they came.
create table contacts (
    customer_id text        not null,
    field       text        not null,
    value       text        not null,
    updated_at  timestamptz not null,
    primary key (customer_id, field)
);

-- Locked while something is decided about a customer: decisions about one person take turns.
create table customers (customer_id text primary key);

-- Moments whose delay is not over; the timer `decide` of the same id comes back to them.
create table candidates (
    decision_id uuid primary key,
    touchpoint  text        not null,
    customer_id text        not null,
    signal      jsonb       not null,
    attribution jsonb       not null,
    traceparent text
);

create table decisions (
    decision_id     uuid primary key,
    source          text        not null,
    source_event_id text        not null,
    signal          text        not null,
    touchpoint      text        not null,
    customer_id     text        not null,
    outcome         text        not null,
    silence         text,
    decided_at      timestamptz not null,
    body            jsonb       not null,
    unique (source, source_event_id, signal, touchpoint),
    check ((outcome = 'silent') = (silence is not null))
);
create index decisions_customer on decisions (customer_id, decided_at desc);

create table invitations (
    invitation_id uuid primary key,
    decision_id   uuid        not null unique references decisions,
    customer_id   text        not null,
    touchpoint    text        not null,
    correlation   text,
    channel       text        not null,
    state         text        not null default 'planned'
                  check (state in ('planned', 'sending', 'sent', 'unknown', 'failed')),
    fence         bigint      not null default 0,
    attempts      integer     not null default 0,
    next_at       timestamptz not null,
    lease_until   timestamptz,
    sending_at    timestamptz,
    sent_at       timestamptz,
    useful_until  timestamptz not null,
    answer_within interval    not null,
    body          jsonb       not null,
    traceparent   text
);
create index invitations_customer on invitations (customer_id);
create index invitations_planned on invitations (next_at) where state = 'planned';
create index invitations_sending on invitations (lease_until) where state = 'sending';
-- The net under the decision `duplicate`: one ask per customer, touchpoint and correlation.
create unique index invitations_once on invitations (customer_id, touchpoint, correlation)
    where correlation is not null and state <> 'failed';
