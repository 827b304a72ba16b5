-- Whether the others were told: that needs the customer, so it waits for the invitation.
alter table opt_outs add column told boolean not null default false;
