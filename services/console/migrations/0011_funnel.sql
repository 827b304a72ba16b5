-- How far moments came, by the day on which each step was taken: counts that lead to nobody.
create table funnel (
    day        date   not null,
    touchpoint text   not null,
    step       text   not null,
    n          bigint not null,
    primary key (day, touchpoint, step)
);
