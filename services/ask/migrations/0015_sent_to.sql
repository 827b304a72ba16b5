-- The address an ask went to, encrypted as on the card: what bounces is that one, and no newer one.
alter table invitations add column sent_to text;

-- What an erasure looks for: all cases of a customer, not only open ones.
create index cases_customer on cases (customer_id);
