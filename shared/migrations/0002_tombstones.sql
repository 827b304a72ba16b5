-- Who was erased, and whose words were taken back: hashes that recognise a late message and say
-- nothing by themselves.
create table tombstones (
    key text        primary key,
    at  timestamptz not null
);
create index tombstones_at on tombstones (at);
