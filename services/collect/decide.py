"""What may happen to an answer now, what becomes of it, and what is said about that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.collect.model import (
    Change,
    Changeable,
    Closed,
    Fresh,
    Happening,
    Invitation,
    InvitationId,
    Response,
    ResponseId,
    Standing,
    Submission,
)
from services.collect.policy import CHANGEABLE_FOR, FINAL_AFTER, Policy
from shared.catalog.scales import band
from shared.catalog.touchpoints import Survey
from shared.contracts.base import Attribution
from shared.contracts.envelope import stable_id


def standing(invitation: Invitation, response: Response | None, now: datetime) -> Standing:
    """Say what the holder of a link may do; an answer given in time stays changeable for a day."""
    if response is not None:
        until = response.received_at + CHANGEABLE_FOR
        return Changeable(response, until) if now < until else Closed("already_answered")
    if invitation.state == "cancelled":
        return Closed("cancelled")
    if invitation.state == "expired" or now >= invitation.expires_at:
        return Closed("expired")
    return Fresh()


def response_id(asked: InvitationId) -> ResponseId:
    """Return the id of the one answer that an invitation can have."""
    return ResponseId(stable_id("response", asked))


def first_score(
    invitation: Invitation, survey: Survey, score: int, language: str, now: datetime
) -> Change:
    """Take the first score; raises ValueError when it is not on the survey's scale."""
    response = Response(
        response_id=response_id(invitation.invitation_id),
        invitation_id=invitation.invitation_id,
        touchpoint=invitation.touchpoint,
        survey=survey.survey,
        metric=survey.metric,
        customer_id=invitation.customer_id,
        score=score,
        band=band(survey.metric, score),
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


def other_score(response: Response, score: int, now: datetime) -> Change:
    """Take another score for the same answer, on the scale it was first given on."""
    changed = _changed(
        response, replace(response, score=score, band=band(response.metric, score)), now
    )
    if response.completed_at is not None:
        return changed
    return replace(changed, final_at=now + FINAL_AFTER)


def more(response: Response, comment: str | None, contact_wanted: bool, now: datetime) -> Change:
    """Take the second page: it makes the answer final, or amends one that is final already."""
    changed = _changed(
        response, replace(response, comment=comment, contact_wanted=contact_wanted), now
    )
    if response.completed_at is not None:
        return changed
    return final(changed.response, now)


def final(response: Response, now: datetime) -> Change:
    """Declare an answer final."""
    return Change(replace(response, completed_at=now), ("completed",))


def given_elsewhere(submission: Submission, policy: Policy, now: datetime) -> Change:
    """Take an answer that came whole; raises LookupError or ValueError saying what is wrong."""
    touchpoint, survey = policy.question(submission.touchpoint)
    response = Response(
        response_id=submission.response_id,
        invitation_id=None,
        touchpoint=submission.touchpoint,
        survey=survey.survey,
        metric=survey.metric,
        customer_id=submission.customer_id,
        score=submission.score,
        band=band(survey.metric, submission.score),
        comment=submission.comment,
        language=submission.language,
        channel=submission.channel,
        origin=submission.origin,
        received_at=now,
        changed_at=now,
        completed_at=now,
        correlation=submission.correlation,
        attribution=Attribution(team=touchpoint.owner, stage=touchpoint.stage),
        attributes=submission.attributes,
    )
    return Change(response, ("received", "completed"))


def same_answer(one: Response, other: Response) -> bool:
    """Whether two answers say the same: a repeated request, not another one under its key."""
    return _said(one) == _said(other)


def _said(response: Response) -> tuple[object, ...]:
    return (
        response.touchpoint,
        response.customer_id,
        response.score,
        response.comment,
        response.language,
        response.correlation,
        response.attributes,
    )


def _changed(before: Response, after: Response, now: datetime) -> Change:
    """Number the change; a double click changes nothing, so nothing is said about it."""
    if after == before:
        return Change(before, ())
    said: tuple[Happening, ...] = ("amended",)
    return Change(replace(after, revision=before.revision + 1, changed_at=now), said)
