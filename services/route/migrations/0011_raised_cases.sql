-- How urgent further low scores have made a case. `close` hears of it a moment later, and may still be
-- saying something older.
alter table cases add column raised text;
-- How many low scores a customer gave lately, of which several may have joined one case.
create index responses_case on responses (case_id) where case_id is not null;
