-- name: save_invitations
-- The newest description wins, also when an older one arrives late.
insert into invitations (invitation_id, state, touchpoint, survey, customer_id, channel, language,
                         occurred_at, expires_at, at, correlation, attribution, attributes)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[],
                     $11::text[], $12::jsonb[], $13::jsonb[])
on conflict (invitation_id) do update
set state = excluded.state, survey = excluded.survey, channel = excluded.channel,
    language = excluded.language, expires_at = excluded.expires_at, at = excluded.at,
    attributes = excluded.attributes
where excluded.at >= invitations.at

-- name: invitation
select invitation_id, state, touchpoint, survey, customer_id, channel, language, occurred_at,
       expires_at, at, correlation, attribution, attributes
from invitations where invitation_id = $1

-- name: lock_invitation
-- Two posts with one link take turns here.
select from invitations where invitation_id = $1 for update

-- name: response_to
select response_id, invitation_id, touchpoint, survey, metric, customer_id, score, band, comment,
       contact_wanted, language, channel, origin, received_at, changed_at, completed_at, revision,
       correlation, attribution, attributes
from responses where invitation_id = $1

-- name: response
select response_id, invitation_id, touchpoint, survey, metric, customer_id, score, band, comment,
       contact_wanted, language, channel, origin, received_at, changed_at, completed_at, revision,
       correlation, attribution, attributes
from responses where response_id = $1

-- name: lock_unfinished
-- In one order, so that sweeps of several replicas never deadlock.
select response_id, invitation_id, touchpoint, survey, metric, customer_id, score, band, comment,
       contact_wanted, language, channel, origin, received_at, changed_at, completed_at, revision,
       correlation, attribution, attributes
from responses where response_id = any($1::text[]) and completed_at is null
order by response_id for update

-- name: add_responses
-- Returns those that were not there before: an answer counts once, however often it comes.
insert into responses (response_id, invitation_id, touchpoint, survey, metric, customer_id, score,
                       band, comment, contact_wanted, language, channel, origin, received_at,
                       changed_at, completed_at, revision, correlation, attribution, attributes)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::integer[], $8::text[], $9::text[], $10::boolean[], $11::text[],
                     $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[],
                     $16::timestamptz[], $17::integer[], $18::text[], $19::jsonb[], $20::jsonb[])
on conflict do nothing
returning response_id

-- name: change_responses
update responses
set score = new.score, band = new.band, comment = new.comment,
    contact_wanted = new.contact_wanted, changed_at = new.changed_at,
    completed_at = new.completed_at, revision = new.revision
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::boolean[], $6::timestamptz[],
            $7::timestamptz[], $8::integer[])
     as new (response_id, score, band, comment, contact_wanted, changed_at, completed_at, revision)
where responses.response_id = new.response_id

-- name: opt_out
insert into opt_outs (invitation_id, at) values ($1, $2) on conflict do nothing

-- name: lock_opt_outs
-- A wish may come while its invitation arrives, and each would miss what the other has not yet
-- committed: a wish waits for batches of invitations, and they for it, but not for each other.
select pg_advisory_xact_lock(hashtextextended('collect.opt_outs', 0))

-- name: lock_opt_outs_shared
select pg_advisory_xact_lock_shared(hashtextextended('collect.opt_outs', 0))

-- name: tell_opt_outs
-- Returns those whose customer is known and that nobody was told of yet; each only once.
update opt_outs set told = true
from invitations
where opt_outs.invitation_id = any($1::text[]) and not opt_outs.told
  and invitations.invitation_id = opt_outs.invitation_id
returning opt_outs.invitation_id, opt_outs.at, invitations.customer_id

-- name: opted_out
select exists (select from opt_outs where invitation_id = $1)
