-- Whether no more questions at all are wanted, or only not this one again.
alter table opt_outs add column everything boolean not null default true;
