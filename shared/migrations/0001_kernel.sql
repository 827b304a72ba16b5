-- What every service keeps in its own schema: inbox, outbox, timers, tallies.

create table inbox (
    source      text        not null,
    id          text        not null,
    received_at timestamptz not null,
    primary key (source, id)
);
create index inbox_received_at on inbox using brin (received_at);

-- Columns id, aggregatetype, aggregateid, type, payload are in the form that Debezium's outbox router
-- reads, so that change data capture can take the relay's place. aggregatetype is the topic.
create table outbox (
    position      bigint generated always as identity primary key,
    id            uuid        not null,
    aggregatetype text        not null,
    aggregateid   text        not null,
    type          text        not null,
    payload       bytea,
    record_key    bytea,
    header_names  text[]      not null,
    header_values bytea[]     not null,
    slot          smallint    not null,
    created_at    timestamptz not null,
    refused       text        -- why Kafka will never take it: kept for a person, in nobody's way
);
create index outbox_waiting on outbox (slot, position) where refused is null;
create index outbox_refused on outbox (position) where refused is not null;

-- One row per key range: whoever locks it is the only relay for those keys.
create table outbox_slots (slot smallint primary key);
insert into outbox_slots select generate_series(0, 7);

create table timers (
    id       bigint generated always as identity primary key,
    kind     text        not null,
    ref      text        not null,
    due_at   timestamptz not null,
    payload  jsonb       not null default '{}',
    attempts integer     not null default 0,
    unique (kind, ref)
);
create index timers_due_at on timers (due_at, id);

create table tallies (
    metric text             not null,
    labels text[]           not null,
    value  double precision not null,
    primary key (metric, labels)
);
