-- What erasing a customer and retention look for.
create index invitations_customer on invitations (customer_id);
create index responses_customer on responses (customer_id);
create index feedback_customer on feedback (customer_id);
create index invitations_at on invitations (at);
create index responses_received_at on responses (received_at);
create index feedback_received_at on feedback (received_at);
create index opt_outs_at on opt_outs (at);

-- When the answer came that a case is about; feedback and signals open cases too.
alter table cases add column received_at timestamptz;
update cases set received_at = responses.received_at
from responses where responses.response_id = cases.response_id;
create index cases_received_at on cases (received_at);
