-- Which trace an ask, or an answer that came by topic, was part of.
create table traces (
    id          text        primary key,
    traceparent text        not null,
    at          timestamptz not null
);
create index traces_at on traces (at);
