-- How often a customer was unhappy lately makes the next low score more urgent.
create index cases_customer on cases (customer_id, opened_at);
