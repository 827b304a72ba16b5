-- Several channels for one ask, one reminder, what other senders spend, and what providers report.

-- Channels that refused this ask, in the order they were tried.
alter table invitations add column tried text[] not null default '{}';
-- The one friendly second mail. It shares fence, lease, attempts and `next_at` with its ask, which
-- has been accepted by then.
alter table invitations add column reminder text
    check (reminder in ('planned', 'sending', 'sent', 'unknown', 'dropped'));
drop index invitations_planned;
create index invitations_planned on invitations (channel, next_at)
    where state = 'planned' or reminder = 'planned';
drop index invitations_sending;
create index invitations_sending on invitations (lease_until)
    where state = 'sending' or reminder = 'sending';

-- What other senders took from the contact budget.
create table spends (
    spend_id    bigint generated always as identity primary key,
    customer_id text        not null,
    sender      text        not null,
    at          timestamptz not null
);
create index spends_customer on spends (customer_id, at);

-- What a provider reported about an ask, each report once.
create table deliveries (
    invitation_id uuid        not null references invitations,
    outcome       text        not null,
    channel       text        not null,
    at            timestamptz not null,
    primary key (invitation_id, outcome, channel)
);

-- Tokens of the channels that have a rate; all replicas take from the same ones.
create table channel_rates (
    channel text             primary key,
    tokens  double precision not null,
    at      timestamptz      not null
);
