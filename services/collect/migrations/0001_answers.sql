-- Invitations as `ask` last described them, the answers, and who does not want to be asked again.

create table invitations (
    invitation_id text        primary key,
    state         text        not null,
    touchpoint    text        not null,
    survey        text        not null,
    customer_id   text        not null,
    channel       text        not null,
    language      text,
    occurred_at   timestamptz not null,
    expires_at    timestamptz not null,
    at            timestamptz not null,
    correlation   text,
    attribution   jsonb       not null,
    attributes    jsonb       not null
);

-- One answer per invitation; answers that came by topic or API have none.
create table responses (
    response_id    text        primary key,
    invitation_id  text        unique,
    touchpoint     text        not null,
    survey         text        not null,
    metric         text        not null,
    customer_id    text        not null,
    score          integer     not null,
    band           text        not null,
    comment        text,
    contact_wanted boolean     not null,
    language       text,
    channel        text        not null,
    origin         text        not null,
    received_at    timestamptz not null,
    changed_at     timestamptz not null,
    completed_at   timestamptz,
    revision       integer     not null,
    correlation    text,
    attribution    jsonb       not null,
    attributes     jsonb       not null
);

-- Keyed by the invitation whose link was used: it may be known here before the invitation is.
create table opt_outs (
    invitation_id text        primary key,
    at            timestamptz not null
);
