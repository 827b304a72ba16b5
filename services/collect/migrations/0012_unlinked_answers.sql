-- Answers that a survey promised to link to nobody: of the ask it is known that its link was used,
-- and of the answer on which day it came; nothing leads from the one to the other.
alter table invitations add column answered boolean not null default false;
alter table responses add column unlinked boolean not null default false;
