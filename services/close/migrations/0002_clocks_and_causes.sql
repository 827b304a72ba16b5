-- One timer per case for all its clocks; what customers say of a resolution; causes and their fixes.

alter table cases add column route_decided boolean not null default false;
-- Those that are there were counted by nobody and never will be.
update cases set route_decided = true;

delete from timers where kind = 'deadline';
insert into timers (kind, ref, due_at, payload)
select 'case', case_id, coalesce(next_due_at, opened_at), jsonb_build_object('case_id', case_id)
from cases
where state in ('new', 'assigned', 'acknowledged', 'contacted', 'waiting_customer', 'resolved')
on conflict (kind, ref) do nothing;

-- The recovery question's answers: the first one of each response counts.
create table recovery_answers (
    response_id text        primary key,
    case_id     text        not null,
    cycle       integer     not null,
    team        text        not null,
    root_cause  text,
    band        text        not null,
    at          timestamptz not null
);
create index recovery_answers_at on recovery_answers (at);

-- Every score, without its words: what a fix did to a touchpoint shows here.
create table scores (
    response_id text        primary key,
    touchpoint  text        not null,
    band        text        not null,
    received_at timestamptz not null,
    at          timestamptz not null
);
create index scores_touchpoint on scores (touchpoint, received_at);

-- Which cause a case was last resolved with.
create table case_causes (
    case_id     text        primary key,
    team        text        not null,
    touchpoint  text        not null,
    root_cause  text        not null,
    resolved_at timestamptz not null
);
create index case_causes_resolved_at on case_causes (team, resolved_at);

create table fixes (
    root_cause text        not null,
    touchpoint text        not null,
    fixed_on   date        not null,
    team       text,
    actor      text        not null,
    note       text,
    at         timestamptz not null,
    primary key (root_cause, touchpoint, fixed_on)
);
