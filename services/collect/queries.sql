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
       expires_at, at, correlation, attribution, attributes, answered
from invitations where invitation_id = $1

-- name: asked_about
-- The asks about these orders or tickets, those of customers about nothing, and these very ones;
-- the newest few of each say whose it is.
select invitation_id, state, touchpoint, survey, customer_id, channel, language, occurred_at,
       expires_at, at, correlation, attribution, attributes,
       answered or exists (
           select from responses where responses.invitation_id = found.invitation_id
       ) as answered
from (
    select asked.* from unnest($1::text[]) as wanted (correlation) cross join lateral (
        select * from invitations where invitations.correlation = wanted.correlation
        order by at desc limit 20
    ) as asked
    union all
    select asked.* from unnest($2::text[]) as wanted (customer_id) cross join lateral (
        select * from invitations
        where invitations.customer_id = wanted.customer_id and correlation is null
        order by at desc limit 20
    ) as asked
    union all
    select * from invitations where invitation_id = any($3::text[])
) as found

-- name: keep_subjects
insert into subjects (correlation, customer_id, at)
select * from unnest($1::text[], $2::text[], $3::timestamptz[])
on conflict (correlation, customer_id) do update set at = excluded.at
where excluded.at > subjects.at

-- name: subjects
-- Two of each are as good as any more: nobody knows which of them is meant.
select found.*
from unnest($1::text[]) as wanted (correlation)
cross join lateral (
    select correlation, customer_id from subjects
    where subjects.correlation = wanted.correlation limit 2
) as found

-- name: count_moments
insert into moments (day, touchpoint, eligible, asked)
select * from unnest($1::date[], $2::text[], $3::integer[], $4::integer[])
on conflict (day, touchpoint) do update
set eligible = moments.eligible + excluded.eligible, asked = moments.asked + excluded.asked

-- name: start
-- Returns its id the first time.
update invitations set started_at = $2
where invitation_id = $1 and started_at is null returning invitation_id

-- name: silences
-- Asks by what they were about: an ask that bounced was never one that could be answered.
-- Who answered without scripts was at the question too.
select touchpoint, coalesce(eligible, 0) as eligible, coalesce(asked, 0) as asked,
       coalesce(delivered, 0) as delivered, coalesce(failed, 0) as failed,
       coalesce(cancelled, 0) as cancelled, coalesce(opened, 0) as opened,
       coalesce(opened - answered, 0) as started, coalesce(answered, 0) as answered,
       coalesce(unfinished, 0) as unfinished, coalesce(silent, 0) as silent,
       coalesce(delivered - answered - silent, 0) as waiting
from (
    select touchpoint, count(*) as asked,
           count(*) filter (where reached or said) as delivered,
           count(*) filter (where state = 'failed' and not said) as failed,
           count(*) filter (where state = 'cancelled' and not said) as cancelled,
           count(*) filter (where said or started_at is not null) as opened,
           count(*) filter (where said) as answered,
           count(*) filter (where said and unfinished) as unfinished,
           count(*) filter (where reached and not said and expires_at <= $2) as silent
    from (
        select invitations.*, state in ('sent', 'reminded', 'expired') as reached,
               invitations.answered or response_id is not null as said,
               response_id is not null and completed_at is null as unfinished
        from invitations left join responses using (invitation_id)
        where occurred_at >= $1
    ) as one
    group by touchpoint
) as counted
full join (
    select touchpoint, sum(eligible)::bigint as eligible from moments
    where day >= $1::timestamptz::date group by touchpoint
) as decided using (touchpoint)
order by touchpoint

-- name: lock_invitation
-- Two posts with one link take turns here.
select from invitations where invitation_id = $1 for update

-- name: answered
-- That the link of an unlinked answer was used, and nothing else.
update invitations set answered = true where invitation_id = $1

-- name: lock_response
select from responses where response_id = $1 for update

-- name: response_to
select response_id, invitation_id, touchpoint, survey, metric, customer_id, score, band, comment,
       contact_wanted, answers, language, channel, origin, received_at, changed_at, completed_at,
       revision, draft, correlation, attribution, attributes, anonymous, unlinked
from responses where invitation_id = $1

-- name: responses
select response_id, invitation_id, touchpoint, survey, metric, customer_id, score, band, comment,
       contact_wanted, answers, language, channel, origin, received_at, changed_at, completed_at,
       revision, draft, correlation, attribution, attributes, anonymous, unlinked
from responses where response_id = any($1::text[])

-- name: lock_unfinished
-- In one order, so that sweeps of several replicas never deadlock.
select response_id, invitation_id, touchpoint, survey, metric, customer_id, score, band, comment,
       contact_wanted, answers, language, channel, origin, received_at, changed_at, completed_at,
       revision, draft, correlation, attribution, attributes, anonymous, unlinked
from responses where response_id = any($1::text[]) and completed_at is null
order by response_id for update

-- name: add_responses
-- Returns those that were not there before: an answer counts once, however often it comes.
insert into responses (response_id, invitation_id, touchpoint, survey, metric, customer_id, score,
                       band, comment, contact_wanted, answers, language, channel, origin,
                       received_at, changed_at, completed_at, revision, draft, correlation,
                       attribution, attributes, anonymous, unlinked)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::integer[], $8::text[], $9::text[], $10::boolean[], $11::jsonb[],
                     $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[],
                     $17::timestamptz[], $18::integer[], $19::bigint[], $20::text[],
                     $21::jsonb[], $22::jsonb[], $23::boolean[], $24::boolean[])
on conflict do nothing
returning response_id

-- name: change_responses
update responses
set score = new.score, band = new.band, comment = new.comment,
    contact_wanted = new.contact_wanted, answers = new.answers, changed_at = new.changed_at,
    completed_at = new.completed_at, revision = new.revision, draft = new.draft
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::boolean[], $6::jsonb[],
            $7::timestamptz[], $8::timestamptz[], $9::integer[], $10::bigint[])
     as new (response_id, score, band, comment, contact_wanted, answers, changed_at, completed_at,
             revision, draft)
where responses.response_id = new.response_id

-- name: save_cases
-- Which case an answer opened or joined; what is told of that case later is for all its answers.
insert into cases (response_id, received_at, case_id, version, team, state, contact_by, contacted)
select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::integer[], $5::text[],
                     $6::text[], $7::timestamptz[], $8::boolean[])
on conflict do nothing

-- name: update_cases
update cases
set version = new.version, team = new.team, state = new.state, contact_by = new.contact_by,
    contacted = new.contacted
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[])
     as new (case_id, version, team, state, contact_by, contacted)
where cases.case_id = new.case_id and cases.version < new.version

-- name: promise
select case_id, team, state, contact_by, contacted from cases where response_id = $1

-- name: add_feedback
-- Returns its id when it was not there before: a form sent twice is one message.
insert into feedback (feedback_id, customer_id, anonymous, verified, text, score, band, urgent,
                      language, channel, origin, received_at, touchpoint, correlation, attribution)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict do nothing
returning feedback_id

-- name: feedback
select feedback_id, customer_id, anonymous, verified, text, score, band, urgent, language, channel,
       origin, received_at, touchpoint, correlation, attribution
from feedback where feedback_id = $1

-- name: opt_out
-- Who first had enough of one question, and then of all, is told of again.
insert into opt_outs (invitation_id, at, everything) values ($1, $2, $3)
on conflict (invitation_id) do update
set at = excluded.at, everything = true, told = false
where excluded.everything and not opt_outs.everything

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
returning opt_outs.invitation_id, opt_outs.at, opt_outs.everything, invitations.customer_id,
          invitations.touchpoint

-- name: opted_out
select everything from opt_outs where invitation_id = $1

-- name: keep_traces
insert into traces (id, traceparent, at)
select id, traceparent, $3 from unnest($1::text[], $2::text[]) as told (id, traceparent)
on conflict (id) do nothing

-- name: traces
select id, traceparent from traces where id = any($1::text[])
