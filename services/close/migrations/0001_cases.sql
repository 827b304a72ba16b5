-- Cases as they are, every event they went through, and the scores that opened or joined them.

create table cases (
    case_id     text        primary key,
    customer_id text        not null,
    touchpoint  text        not null,
    team        text        not null,
    priority    text        not null,
    state       text        not null,
    assignee    text,
    version     integer     not null,
    cycle       integer     not null,
    opened_at   timestamptz not null,
    started_at  timestamptz not null,
    next_due_at timestamptz,
    snapshot    jsonb       not null
);
create index cases_opened_at on cases (opened_at desc, case_id);
create index cases_open on cases (team, priority, opened_at)
    where state in ('new', 'assigned', 'acknowledged', 'contacted', 'waiting_customer');

-- Append-only: the history that every published figure can be recomputed from.
create table case_events (
    case_id    text        not null,
    version    integer     not null,
    type       text        not null,
    actor      text        not null,
    from_state text,
    to_state   text        not null,
    reason     text        not null,
    at         timestamptz not null,
    body       jsonb       not null,
    primary key (case_id, version)
);

create table case_scores (
    case_id     text        not null,
    response_id text        not null,
    received_at timestamptz not null,
    primary key (case_id, response_id)
);

-- A clock that ran out, once per case, clock and cycle: a reopened case begins a new cycle.
create table case_breaches (
    case_id text        not null,
    clock   text        not null,
    cycle   integer     not null,
    due_at  timestamptz not null,
    at      timestamptz not null,
    primary key (case_id, clock, cycle)
);

-- Apart from cases, because alerts come on another topic and may overtake the case they are about.
create table case_alerts (
    case_id                  text        primary key,
    first_alert_delivered_at timestamptz not null
);

create table idempotency_keys (
    case_id     text        not null,
    action      text        not null,
    key         text        not null,
    fingerprint text        not null,
    result      jsonb       not null,
    at          timestamptz not null,
    primary key (case_id, action, key)
);
create index idempotency_keys_at on idempotency_keys using brin (at);
