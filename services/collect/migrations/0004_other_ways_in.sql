-- Nobody is known to have given such an answer: its customer id was made for it alone.
alter table responses add column anonymous boolean not null default false;

-- An answer that names only an order or a ticket finds its customer by the asks about it.
create index invitations_by_correlation on invitations (correlation, at)
    where correlation is not null;
