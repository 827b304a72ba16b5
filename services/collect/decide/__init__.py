"""What may happen to an answer now, what becomes of it, and what is said about that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from services.collect.model import (
    Change,
    Changeable,
    Closed,
    Feedback,
    Fresh,
    Happening,
    Invitation,
    InvitationId,
    More,
    Rating,
    Response,
    ResponseId,
    Standing,
    Subject,
    Submission,
)
from services.collect.policy import CHANGEABLE_FOR, FINAL_AFTER, TOLD_AFTER, Policy
from shared.catalog.scales import EXPERIENCE_PARTS, band
from shared.catalog.touchpoints import Survey
from shared.contracts import responses as contract
from shared.contracts.asks import Decision
from shared.contracts.base import Attribution
from shared.contracts.envelope import stable_id


def standing(invitation: Invitation, response: Response | None, now: datetime) -> Standing:
    """Say what the holder of a link may do; an answer given in time stays changeable for a day."""
    if response is not None:
        until = changeable_until(response)
        return Changeable(response, until) if now < until else Closed("already_answered")
    if invitation.answered:
        return Closed("answered_unlinked")
    if invitation.state == "cancelled":
        return Closed("cancelled")
    if invitation.state == "expired" or now >= invitation.expires_at:
        return Closed("expired")
    return Fresh()


def changeable_until(response: Response) -> datetime:
    """Return until when who gave an answer may change it."""
    return response.received_at + (TOLD_AFTER if response.unlinked else CHANGEABLE_FOR)


def response_id(asked: InvitationId) -> ResponseId:
    """Return the id of the one answer that an invitation can have."""
    return ResponseId(stable_id("response", asked))


def first_score(
    invitation: Invitation, survey: Survey, rating: Rating, language: str, now: datetime
) -> Change:
    """Take the first score; raises ValueError when it is not on the survey's scale."""
    response = Response(
        response_id=response_id(invitation.invitation_id),
        invitation_id=invitation.invitation_id,
        touchpoint=invitation.touchpoint,
        survey=survey.survey,
        metric=survey.metric,
        customer_id=invitation.customer_id,
        score=rating.score,
        band=band(survey.metric, *rating.all),
        answers={"parts": rating.parts} if rating.parts else {},
        language=language,
        channel=invitation.channel,
        origin="page",
        received_at=now,
        changed_at=now,
        correlation=invitation.correlation,
        attribution=invitation.attribution,
        attributes=invitation.attributes,
    )
    return Change(response, ("received",), now + FINAL_AFTER)


def unlinked_id(key: str) -> ResponseId:
    """Return the id of an unlinked answer; only the form it came by holds the key."""
    return ResponseId(stable_id("unlinked", key))


def unlinked(change: Change, id: ResponseId, time_zone: str) -> Change:
    """Return a first score without all that leads to its giver; nothing is said of it as yet.

    Its day is all that is left of its times. It is told when that day is over, and with others, so
    that the time of its messages says no more than it does.
    """
    named = change.response
    day = _day(named.received_at, time_zone)
    response = replace(
        named,
        response_id=id,
        invitation_id=None,
        customer_id=nobody(id),
        received_at=day,
        changed_at=day,
        completed_at=day if named.origin == "import" else None,
        correlation=None,
        # Who served them on that day may have served nobody else.
        attribution=named.attribution.model_copy(update={"agent": None}),
        attributes={},
        anonymous=True,
        unlinked=True,
    )
    return final(response, day) if response.completed_at else _unfinished(Change(response, ()), day)


def unknown_ask(answer: Response) -> Invitation:
    """Return what is left of the ask behind an unlinked answer: no more than the answer says."""
    return Invitation(
        invitation_id=InvitationId(""),
        state="sent",
        touchpoint=answer.touchpoint,
        survey=answer.survey,
        customer_id=answer.customer_id,
        channel=answer.channel,
        language=answer.language,
        occurred_at=answer.received_at,
        expires_at=changeable_until(answer),
        at=answer.received_at,
    )


def started(
    invitation: Invitation, survey: Survey, language: str, now: datetime
) -> contract.Response:
    """Say that somebody is at the question; what they answer, if they do, has the same id."""
    return contract.Response(
        response_id=response_id(invitation.invitation_id),
        touchpoint=invitation.touchpoint,
        survey=survey.survey,
        metric=survey.metric,
        customer_id=invitation.customer_id,
        language=language,
        channel=invitation.channel,
        received_at=now,
        at=now,
        stage=invitation.attribution.stage,
        invitation_id=invitation.invitation_id,
        correlation=invitation.correlation,
        attribution=invitation.attribution,
        attributes=invitation.attributes,
    )


def told_at(now: datetime, time_zone: str) -> datetime:
    """Return when an unlinked answer of this moment is told to others."""
    return _day(now, time_zone) + TOLD_AFTER


def _day(now: datetime, time_zone: str) -> datetime:
    local = now.astimezone(ZoneInfo(time_zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(now.tzinfo)


def other_score(response: Response, rating: Rating, now: datetime) -> Change:
    """Take another score for the same answer, on the scale it was first given on."""
    parts = {"parts": rating.parts} if rating.parts else {}
    after = replace(
        response,
        score=rating.score,
        band=band(response.metric, *rating.all),
        answers={**response.answers, **parts},
    )
    changed = _changed(response, after, now)
    return changed if response.completed_at else _unfinished(changed, now)


def more(response: Response, added: More, now: datetime) -> Change:
    """Take the second page: it makes the answer final, or amends one that is final already."""
    return _finished(_changed(response, _with(response, added), now), now)


def draft(response: Response, added: More, number: int, now: datetime) -> Change | None:
    """Keep what is on the second page so far; None when the answer is beyond that already.

    Nothing is said of it yet: that is for when the answer is final.
    """
    if response.completed_at is not None or is_old(response, number):
        return None
    kept = replace(_with(response, added), draft=number, changed_at=_moment(response, now))
    return _unfinished(Change(kept, ()), now)


def is_old(response: Response | None, number: int) -> bool:
    """Whether a save that a page made by itself was overtaken by a later one."""
    return response is not None and number < response.draft


def numbered(change: Change, number: int) -> Change:
    """Remember the number of the save that made this change."""
    newest = max(number, change.response.draft)
    return replace(change, response=replace(change.response, draft=newest))


def withdrawn(response: Response, now: datetime) -> Change:
    """Take back all words; the score stays as a number."""
    parts = {name: each for name, each in response.answers.items() if name == "parts"}
    after = replace(
        response, comment=None, contact_wanted=False, answers={**parts, "withdrawn": True}
    )
    return _finished(_changed(response, after, now), now)


def _with(response: Response, added: More) -> Response:
    kept = {name: each for name, each in response.answers.items() if name == "parts"}
    reasons = {"reasons": list(added.reasons)} if added.reasons else {}
    effort = {"effort": added.effort} if added.effort is not None else {}
    return replace(
        response,
        comment=added.comment,
        contact_wanted=added.contact_wanted,
        answers={**kept, **reasons, **effort},
    )


def final(response: Response, now: datetime) -> Change:
    """Declare an answer final; of an unlinked one nothing was said before."""
    said: tuple[Happening, ...] = ("received", "completed") if response.unlinked else ("completed",)
    return Change(replace(response, completed_at=_moment(response, now)), said)


def _finished(change: Change, now: datetime) -> Change:
    """The customer has said all; an unlinked answer waits for the end of its day all the same."""
    if change.response.completed_at is not None:
        return change
    if change.response.unlinked:
        return _unfinished(change, now)
    return final(change.response, now)


def _unfinished(change: Change, now: datetime) -> Change:
    response = change.response
    if response.unlinked:
        return Change(response, (), changeable_until(response))
    return replace(change, final_at=now + FINAL_AFTER)


def _moment(response: Response, now: datetime) -> datetime:
    return response.received_at if response.unlinked else now


def is_eligible(decision: Decision) -> bool:
    """Whether a moment could have been asked about: not one that is no such moment at all."""
    return decision.outcome == "ask" or decision.silence not in (None, "not_eligible", "duplicate")


def nobody(id: str) -> str:
    """Return the customer id of somebody unknown: one for each thing said, so they never meet."""
    return f"anonymous-{id}"


def given_elsewhere(
    submission: Submission, policy: Policy, now: datetime, found: Subject | None = None
) -> Change:
    """Take an answer that came whole; raises LookupError or ValueError saying what is wrong.

    `found` is who gave it and what it answers, as far as that is known.
    """
    check(submission.touchpoint, submission.score, policy)
    touchpoint, survey = policy.question(submission.touchpoint)
    customer = submission.customer_id or (found.customer_id if found else None)
    frozen = found.attribution if found else None
    response = Response(
        response_id=submission.response_id,
        invitation_id=found.invitation_id if found else None,
        touchpoint=submission.touchpoint,
        survey=survey.survey,
        metric=survey.metric,
        customer_id=customer or nobody(submission.response_id),
        score=submission.score,
        band=band(survey.metric, submission.score),
        comment=submission.comment,
        language=submission.language,
        channel=submission.channel,
        origin=submission.origin,
        received_at=now,
        changed_at=now,
        completed_at=now,
        correlation=submission.correlation or (found.correlation if found else None),
        attribution=frozen or Attribution(team=touchpoint.owner, stage=touchpoint.stage),
        attributes={**(found.attributes if found else {}), **submission.attributes},
        anonymous=customer is None,
    )
    change = Change(response, ("received", "completed"))
    if not survey.anonymous:
        return change
    return unlinked(change, response.response_id, policy.time_zone)


def second(change: Change) -> Change:
    """Return an answer to an ask that has one already as an answer of its own."""
    return replace(change, response=replace(change.response, invitation_id=None))


def check(touchpoint: str, score: int, policy: Policy) -> None:
    """Raise LookupError or ValueError, saying what is wrong, when a score fits no survey."""
    survey = policy.question(touchpoint).survey
    if survey.parts is not None:
        raise ValueError(
            f"survey {survey.survey!r} asks for {', '.join(EXPERIENCE_PARTS)}, a score each, which "
            "its page alone can take: send the customer there, or ask with one score"
        )
    survey.scale.check(score)


def promised(submission: Submission, policy: Policy) -> Submission:
    """Leave out whom an answer names where its survey promises that nobody learns it."""
    found = policy.touchpoints.get(submission.touchpoint)
    survey = policy.surveys.get(found.survey or "") if found else None
    return _nameless(submission) if survey and survey.anonymous else submission


def _nameless(submission: Submission) -> Submission:
    return replace(
        submission, customer_id=None, invitation_id=None, correlation=None, attributes={}
    )


def feedback(said: Feedback) -> contract.Feedback:
    """Put what was said unasked into words for the others; who gave no name gets one for once."""
    asked = said.invitation
    typed = said.customer_id or nobody(said.feedback_id)
    return contract.Feedback(
        feedback_id=said.feedback_id,
        customer_id=asked.customer_id if asked else typed,
        text=said.text,
        language=said.language,
        channel="api" if said.origin == "api" else asked.channel if asked else "web",
        received_at=said.received_at,
        metric="csat",
        score=said.score,
        band=band("csat", said.score),
        urgent=said.urgent,
        anonymous=asked is None and said.customer_id is None,
        verified=asked is not None or said.vouched,
        origin=said.origin,
        touchpoint=asked.touchpoint if asked else None,
        correlation=asked.correlation if asked else said.correlation,
        attribution=asked.attribution if asked else Attribution(),
    )


def same_answer(known: Response, given: Submission) -> bool:
    """Whether an answer is the one that is known: a repeated request, not another one of its key.

    Whom its correlation leads to may be known by now, and not have been then.
    """
    if known.unlinked:
        given = _nameless(given)
    named = given.customer_id in (None, known.customer_id)
    about = given.correlation in (None, known.correlation)
    about = about and given.attributes.items() <= known.attributes.items()
    return named and about and all(getattr(known, each) == getattr(given, each) for each in _SAID)


def same_words(known: contract.Feedback, said: Feedback) -> bool:
    """Whether this was said before: a repeated request, not something else under its key."""
    named = said.customer_id in (None, known.customer_id)
    return named and all(
        getattr(known, each) == getattr(said, each)
        for each in ("text", "score", "urgent", "language", "correlation")
    )


_SAID = ("touchpoint", "score", "comment", "language")


def _changed(before: Response, after: Response, now: datetime) -> Change:
    """Number the change; a double click changes nothing, so nothing is said about it."""
    if after == before:
        return Change(before, ())
    said: tuple[Happening, ...] = ("amended",)
    changed_at = _moment(before, now)
    return Change(replace(after, revision=before.revision + 1, changed_at=changed_at), said)
