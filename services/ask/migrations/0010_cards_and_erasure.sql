-- Cards that can be replaced whole, addresses that turned out dead, and customers who were erased.

-- A field that was taken away is null, so that an older update does not bring it back.
alter table contacts alter column value drop not null;
-- Set when the address bounced. `dead_value` outlives an update: the same address may come again.
alter table contacts add column dead boolean not null default false;
alter table contacts add column dead_value text;

-- Whose identity was removed. The id itself is not kept, only what it can be recognised by.
create table erased (
    pseudonym text primary key,
    at        timestamptz not null
);

create table idempotency_keys (
    action      text        not null,
    key         text        not null,
    fingerprint text        not null,
    status      integer,
    result      jsonb,
    at          timestamptz not null,
    primary key (action, key)
);
create index idempotency_keys_at on idempotency_keys (at);
