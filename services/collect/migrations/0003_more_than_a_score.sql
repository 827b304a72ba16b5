-- What was answered beside the score: parts, reasons, effort. `draft` is the number that the page
-- gave its last save on the way, so that an older save that arrives later changes nothing.
alter table responses add column answers jsonb not null default '{}';
alter table responses add column draft bigint not null default 0;

-- Who has the case of a low score and by when: what the thanks promise.
create table cases (
    response_id text        primary key,
    case_id     text        not null,
    version     integer     not null,
    team        text        not null,
    state       text        not null,
    contact_by  timestamptz,
    contacted   boolean     not null
);
create index cases_of_a_case on cases (case_id);

-- What customers said unasked.
create table feedback (
    feedback_id text        primary key,
    customer_id text        not null,
    anonymous   boolean     not null,
    verified    boolean     not null,
    text        text        not null,
    score       integer     not null,
    band        text        not null,
    urgent      boolean     not null,
    language    text,
    channel     text        not null,
    origin      text        not null,
    received_at timestamptz not null,
    touchpoint  text,
    correlation text,
    attribution jsonb       not null
);
