-- What the pages show. All of it can be rebuilt from the topics.

create table cases (
    case_id     text        primary key,
    version     integer     not null,
    customer_id text        not null,
    team        text        not null,
    state       text        not null,
    assignee    text,
    opened_at   timestamptz not null,
    next_due_at timestamptz,
    search      text        not null,
    root_cause  text,
    snapshot    jsonb       not null
);
create index cases_next_due on cases (next_due_at nulls last, opened_at desc, case_id);
create index cases_customer on cases (customer_id, opened_at desc);

create table timeline (
    source      text        not null,
    event_id    text        not null,
    customer_id text        not null,
    at          timestamptz not null,
    kind        text        not null,
    title       text        not null,
    detail      jsonb       not null,
    primary key (source, event_id)
);
create index timeline_customer on timeline (customer_id, at desc);
