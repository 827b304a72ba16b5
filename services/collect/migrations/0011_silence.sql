-- What became of the asks of a span of time.
create index invitations_by_time on invitations (occurred_at);
