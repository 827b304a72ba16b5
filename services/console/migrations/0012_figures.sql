-- What figures are made of. None of it says who: an erased customer leaves nothing to remove here.
-- Scores and asks are kept from now on; clocks are taken from the cases that are here.

-- The newest word of each response.
create table scores (
    response_id   text        primary key,
    invitation_id text,
    touchpoint    text        not null,
    stage         text,
    survey        text        not null,
    metric        text        not null,
    band          text        not null,
    needs         integer,
    ease          integer,
    enjoyment     integer,
    effort        integer,
    unlinked      boolean     not null,
    received_at   timestamptz not null,
    at            timestamptz not null
);
create index scores_received_at on scores (received_at);
create index scores_invitation on scores (invitation_id) where invitation_id is not null;

-- Asks that a channel took.
create table asks (
    invitation_id text        primary key,
    touchpoint    text        not null,
    stage         text,
    survey        text        not null,
    sent_at       timestamptz not null
);
create index asks_sent_at on asks (sent_at);

-- How the first clocks of each case ran; `runs` while somebody still has to stop one.
create table clocks (
    case_id   text             not null,
    clock     text             not null,
    version   integer          not null,
    team      text             not null,
    opened_at timestamptz      not null,
    due_at    timestamptz      not null,
    met_at    timestamptz,
    breached  boolean          not null,
    runs      boolean          not null,
    seconds   double precision,
    primary key (case_id, clock)
);
create index clocks_opened_at on clocks (opened_at);
create index cases_opened_at on cases (opened_at);

insert into clocks (case_id, clock, version, team, opened_at, due_at, met_at, breached, runs, seconds)
select case_id, deadline->>'clock', version, team, opened_at, moment(deadline->>'due_at'),
       moment(deadline->>'met_at'), coalesce((deadline->>'breached')::boolean, false),
       deadline->>'met_at' is null and deadline->>'paused_at' is null
           and state in ('new', 'assigned', 'acknowledged', 'contacted', 'waiting_customer'),
       coalesce((deadline->>'wall_seconds')::double precision,
                extract(epoch from moment(deadline->>'met_at') - opened_at))
from cases cross join lateral jsonb_array_elements(snapshot->'deadlines') as deadline
where coalesce((deadline->>'cycle')::integer, 1) = 1
  and deadline->>'clock' in ('acknowledge', 'contact', 'resolve');
