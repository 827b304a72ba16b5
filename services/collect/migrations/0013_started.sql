-- When somebody was first seen at the question behind a link, by a touch or a key.
alter table invitations add column started_at timestamptz;

-- The moments that each touchpoint had, by what was decided: counted by the day of the event.
create table moments (
    day        date    not null,
    touchpoint text    not null,
    eligible   integer not null,
    asked      integer not null,
    primary key (day, touchpoint)
);
