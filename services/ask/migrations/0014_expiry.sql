-- Asks that nobody answers in time.

-- When the first answer to it was given.
alter table invitations add column answered_at timestamptz;
-- Until when an answer to it is awaited; null once it was answered, expired, or reached nobody.
alter table invitations add column answer_until timestamptz;
create index invitations_answer_until on invitations (answer_until) where answer_until is not null;
update invitations set answer_until = (body ->> 'expires_at')::timestamptz
where state = 'sent' and body ->> 'survey' <> 'touchback.notice' and not exists (
    select from answers
    where answers.customer_id = invitations.customer_id
      and answers.touchpoint = invitations.touchpoint and answers.answered_at >= sent_at
);
