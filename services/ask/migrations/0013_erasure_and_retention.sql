-- Tombstones are the kernel's now.
insert into tombstones (key, at) select pseudonym, at from erased on conflict do nothing;
drop table erased;

-- What retention looks for.
create index decisions_decided_at on decisions (decided_at);
create index invitations_useful_until on invitations (useful_until);
create index answers_answered_at on answers (answered_at);
create index bands_at on bands (at);
create index spends_at on spends (at);
