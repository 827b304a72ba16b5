-- Topics that are not read for a while, because too much of what stands there is refused.

create table pauses (
    topic      text primary key,
    since      timestamptz not null,
    reason     text        not null, -- the last refusal, for a person
    failed     integer     not null, -- of `seen` records
    seen       integer     not null,
    tries      integer     not null default 0,
    next_try   timestamptz not null,
    open_until timestamptz           -- until then refused records go to the dead letters all the same
);
