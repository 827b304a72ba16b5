-- How far the records are counted that say nothing: they leave no other trace to know them by.

create table counted (
    topic     text,
    partition integer,
    upto      bigint not null, -- the last offset counted
    latest    bigint not null, -- the latest timestamp counted: a later one is of a topic made anew
    primary key (topic, partition)
);
