-- Alerts wait for those before them in the order of failing over, are gathered in a storm, are held
-- back by a silence, or are not needed any more.
alter table deliveries drop constraint deliveries_state_check;
alter table deliveries add constraint deliveries_state_check
    check (state in ('due', 'delivered', 'exhausted', 'spared', 'gathered', 'silenced'));

-- rank: place in the order of failing over. round: which occasion of the case it tells of, where that
-- is not its opening. owed: if nobody accepts it, the fallback team is told. receipt: what the receiver
-- calls the message, to change it later.
alter table deliveries
    add column rank       integer not null default 0,
    add column round      text    not null default '',
    add column owed       boolean not null default true,
    add column digest_id  text,
    add column silence_id text,
    add column receipt    jsonb;
create index deliveries_lately on deliveries (endpoint, touchpoint, created_at);
create index deliveries_digest on deliveries (digest_id) where digest_id is not null;
create index deliveries_silenced on deliveries (silence_id) where state = 'silenced';

-- Endpoints that refuse us; one that accepts again leaves the table. A target that has changed in the
-- catalog since is not the one that refused.
create table endpoints (
    endpoint text        primary key,
    state    text        not null check (state in ('broken', 'disabled')),
    target   text        not null,
    failure  text        not null,
    since    timestamptz not null
);

-- An empty column matches everything.
create table silences (
    silence_id text        primary key,
    team       text,
    touchpoint text,
    channel    text,
    author     text        not null,
    comment    text        not null,
    starts_at  timestamptz not null,
    ends_at    timestamptz not null,
    created_at timestamptz not null
);
create index silences_end on silences (ends_at);

create table idempotency_keys (
    action      text        not null,
    key         text        not null,
    fingerprint text        not null,
    result      jsonb       not null,
    at          timestamptz not null,
    primary key (action, key)
);
create index idempotency_keys_at on idempotency_keys using brin (at);
