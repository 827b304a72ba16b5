-- What deciding looks for in a customer's past, found without reading all of it.

-- The first of one name after a moment, whatever it was about.
create index signals_named on signals (customer_id, signal, occurred_at);
drop index signals_customer;
-- All that was heard about one order or ticket.
create index signals_about on signals (customer_id, correlation, occurred_at)
    where correlation is not null;
-- Those nearest to a moment that some touchpoint counts.
create index signals_counted on signals (customer_id, occurred_at) where counts_for <> '{}';
-- The asks that caps look at.
create index invitations_counting on invitations (customer_id)
    where not exempt and state <> 'failed';
-- The moments whose time has come.
create index candidates_due on candidates (customer_id, due_at);
drop index candidates_customer;
