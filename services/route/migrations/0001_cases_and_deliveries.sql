-- What `route` knows of cases, the responses it has routed, and the alerts it owes.

-- snapshot holds the deadlines and the routing path.
create table cases (
    case_id      text        primary key,
    customer_id  text        not null,
    touchpoint   text        not null,
    state        text        not null,
    open         boolean     not null,
    version      integer     not null,
    team         text        not null,
    priority     text        not null,
    opened_at    timestamptz not null,
    snapshot     jsonb       not null,
    routed_at    timestamptz
);
-- However many routers run: a customer has one open case per touchpoint.
create unique index cases_one_open on cases (customer_id, touchpoint) where open;

-- case_id is null where the completed score was not low: a correction may still make it so.
create table responses (
    response_id  text        primary key,
    case_id      text,
    completed_at timestamptz not null
);

-- next_at is when anyone may take the row: a slot of the schedule, or the end of a lease.
create table deliveries (
    alert_id     text        primary key,
    case_id      text        not null,
    customer_id  text        not null,
    touchpoint   text        not null,
    team         text        not null,
    priority     text        not null,
    channel      text        not null,
    kind         text        not null,
    endpoint     text        not null,
    notice       jsonb       not null,
    received_at  timestamptz not null,
    traceparent  text,
    state        text        not null default 'due' check (state in ('due', 'delivered', 'exhausted')),
    attempts     integer     not null default 0,
    fence        bigint      not null default 0,
    next_at      timestamptz not null,
    failure      text,
    created_at   timestamptz not null,
    delivered_at timestamptz
);
create index deliveries_due on deliveries (endpoint, next_at) where state = 'due';
create index deliveries_case on deliveries (case_id);
create index deliveries_newest on deliveries (created_at desc, alert_id);
