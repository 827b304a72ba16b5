"""Whether a low score opens or joins a case."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.route import policy
from services.route.decide.routing import assign
from services.route.model import (
    Assigned,
    Attached,
    Case,
    Facts,
    Heard,
    Opened,
    Outcome,
    Unaffected,
)
from shared import business_time
from shared.business_time import ALWAYS, Calendar
from shared.catalog import SCALES, Catalog, NotInCatalog, RecoveryTrigger, Targets, Team
from shared.contracts.asks import Decision
from shared.contracts.cases import (
    CaseEvent,
    CasePolicy,
    CaseScore,
    Clock,
    Deadline,
    EscalationAt,
    chosen,
)
from shared.contracts.envelope import stable_id
from shared.contracts.responses import Feedback, Response


def decide(heard: Heard, facts: Facts, catalog: Catalog, now: datetime) -> Outcome:
    """Say what becomes of a response; the caller adds it to the facts before the next one."""
    response = heard.response
    before = facts.responses.get(response.response_id)
    if before is not None or (response.response_id in facts.responses and not heard.amended):
        return Unaffected("already_routed")
    if heard.amended and response.response_id not in facts.responses:
        return Unaffected("not_completed")
    if response.band != "low" or response.score is None:
        return Unaffected("not_low")
    if response.unlinked:
        # There is nobody with whom it could be put right, and nobody may find out who it was.
        return Unaffected("unlinked")
    if _asks_of_a_case(response, catalog):
        # `close` reopens the case that it is about.
        return Unaffected("recovery_answer")
    low_scores = facts.low_scores.get(response.customer_id, 0) + 1
    assigned = assign(response, catalog.routing, low_scores)
    case = facts.open_cases.get((response.customer_id, response.touchpoint))
    if case is not None:
        event = _attached(case, heard, response.score, catalog.version, now)
        if policy.outranks(assigned.priority, case.priority):
            event = _raised(event, assigned, _since(heard), catalog)
        return Attached(event, case.state in policy.DONE, assigned)
    return Opened(_opened(heard, response.score, assigned, catalog, now), assigned)


def _asks_of_a_case(response: Response, catalog: Catalog) -> bool:
    try:
        return isinstance(catalog.touchpoint(response.touchpoint).on, RecoveryTrigger)
    except NotInCatalog:
        return False


def _since(heard: Heard) -> datetime:
    # A score that became low by a later correction starts its clocks then, not in the past.
    return heard.response.at if heard.amended else heard.response.received_at


def _opened(
    heard: Heard, score: int, assigned: Assigned, catalog: Catalog, now: datetime
) -> CaseEvent:
    response = heard.response
    team = catalog.team(assigned.team)
    targets = team.target(assigned.priority)
    rules = _policy(team, targets, catalog)
    return CaseEvent(
        case_id=stable_id("case", response.response_id),
        version=1,
        at=now,
        actor="route",
        reason=assigned.reason,
        state="assigned",
        customer_id=response.customer_id,
        touchpoint=response.touchpoint,
        team=assigned.team,
        priority=assigned.priority,
        opened_at=now,
        score=_score(heard, score),
        stage=response.stage,
        correlation=response.correlation,
        attribution=response.attribution,
        attributes=response.attributes,
        deadlines=deadlines(targets, _since(heard), rules),
        routing_path=assigned.path,
        policy=rules,
        catalog_version=catalog.version,
    )


def _attached(case: Case, heard: Heard, score: int, version: str, now: datetime) -> CaseEvent:
    response = heard.response
    # Versions after the opening are given out by `close`, which takes this one for news, not order.
    return CaseEvent(
        case_id=case.case_id,
        version=1,
        at=now,
        actor="route",
        reason="further_low_score",
        previous=case.state,
        state=case.state,
        customer_id=case.customer_id,
        touchpoint=case.touchpoint,
        team=case.team,
        priority=case.priority,
        opened_at=case.opened_at,
        score=_score(heard, score),
        stage=response.stage,
        correlation=response.correlation,
        attribution=response.attribution,
        attributes=response.attributes,
        deadlines=case.deadlines,
        routing_path=case.routing_path,
        policy=case.policy,
        catalog_version=version,
    )


def _raised(event: CaseEvent, assigned: Assigned, since: datetime, catalog: Catalog) -> CaseEvent:
    """Make the case as urgent as its further score; its owner and its rules stay what they were."""
    targets = known_team(catalog, event.team).target(assigned.priority)
    calendar = ALWAYS if targets.around_the_clock else calendar_of(event.policy)
    return event.model_copy(
        update={
            "priority": assigned.priority,
            "raised_from": event.priority,
            "deadlines": _clocks(targets, since, calendar),
            "routing_path": (*event.routing_path, f"raised: {assigned.path[-1]}"),
        }
    )


def _score(heard: Heard, score: int) -> CaseScore:
    response = heard.response
    return CaseScore(
        response_id=response.response_id,
        metric=response.metric,
        survey=response.survey,
        score=score,
        band="low",
        comment=response.comment,
        language=response.language,
        channel=response.channel,
        received_at=response.received_at,
        at=response.at,
        source=heard.source,
        **chosen(response.answers),
    )


def deadlines(targets: Targets, since: datetime, rules: CasePolicy) -> tuple[Deadline, ...]:
    """Return the clocks of a case: by the team's calendar, but all time counts to tell the team."""
    return _clocks(targets, since, calendar_of(rules))


def _clocks(targets: Targets, since: datetime, calendar: Calendar) -> tuple[Deadline, ...]:
    return (
        deadline("acknowledge", targets.acknowledge, since, calendar),
        deadline("contact", targets.contact, since, calendar),
        deadline("resolve", targets.resolve, since, calendar),
        deadline("route", targets.route, since, ALWAYS),
    )


def deadline(clock: Clock, target: timedelta, since: datetime, calendar: Calendar) -> Deadline:
    return Deadline(
        clock=clock,
        due_at=business_time.add(since, target, calendar),
        target_seconds=int(target.total_seconds()),
        measure="business" if calendar.hours else "wall",
        started_at=since,
    )


def calendar_of(rules: CasePolicy | None) -> Calendar:
    """Return when the team works by the rules of a case; always, where there are none."""
    if rules is None:
        return ALWAYS
    return business_time.calendar(rules.time_zone, rules.hours, rules.holidays)


def known_team(catalog: Catalog, name: str) -> Team:
    """Return the team, or the fallback team where the catalog has lost it since the opening."""
    try:
        return catalog.team(name)
    except NotInCatalog:
        return catalog.fallback_team


def _policy(team: Team, targets: Targets, catalog: Catalog) -> CasePolicy:
    calendar = None if targets.around_the_clock else team.calendar
    spans = {} if calendar is None else calendar.hours
    return CasePolicy(
        time_zone=team.time_zone,
        hours={
            day: tuple((f"{span.start:%H:%M}", f"{span.end:%H:%M}") for span in each)
            for day, each in spans.items()
        },
        holidays=None if calendar is None else calendar.holidays,
        escalation=tuple(
            EscalationAt.model_validate(step, from_attributes=True) for step in team.escalation
        ),
        fallback=catalog.fallback_team.team,
        waiting_seconds=int(targets.waiting.total_seconds()),
        quiet_seconds=int(targets.quiet.total_seconds()),
    )


def known_case(event: CaseEvent) -> Case:
    """Return what `route` keeps of a case."""
    return Case(
        case_id=event.case_id,
        customer_id=event.customer_id,
        touchpoint=event.touchpoint,
        state=event.state,
        team=event.team,
        priority=event.priority,
        opened_at=event.opened_at,
        deadlines=event.deadlines,
        routing_path=event.routing_path,
        policy=event.policy,
    )


def effort(decision: Decision) -> Heard:
    """Return a signal that opens a case without asking as the effort that it stands for.

    It goes the way of any low score: one open case per customer and touchpoint, rules, priority.
    """
    worst = SCALES["ces"].maximum
    response = Response(
        response_id=decision.decision_id,
        touchpoint=decision.touchpoint,
        survey=decision.touchpoint,
        metric="ces",
        customer_id=decision.customer_id,
        score=worst,
        band="low",
        channel="signal",
        received_at=decision.decided_at,
        at=decision.decided_at,
        stage=decision.attribution.stage,
        correlation=decision.correlation,
        attribution=decision.attribution,
        attributes=decision.attributes,
    )
    return Heard(response, source="signal")


UNASKED = "feedback"
"""The touchpoint, for rules and cases, of what customers tell where nobody had asked."""


def unasked(feedback: Feedback) -> Heard:
    """Return what a customer told us unasked as a response; urgent words count as the worst."""
    scale = SCALES["csat"]
    given = feedback.score is not None and feedback.metric is not None
    worst = feedback.urgent and feedback.band != "low"
    response = Response(
        response_id=feedback.feedback_id,
        touchpoint=feedback.touchpoint or UNASKED,
        survey=UNASKED,
        metric=feedback.metric or scale.metric,
        customer_id=feedback.customer_id,
        score=scale.minimum if worst else feedback.score,
        band="low" if worst else feedback.band,
        comment=feedback.text,
        language=feedback.language,
        channel=feedback.channel,
        origin=feedback.origin,
        received_at=feedback.received_at,
        at=feedback.received_at,
        stage=feedback.attribution.stage,
        correlation=feedback.correlation,
        attribution=feedback.attribution,
        attributes={"urgent": feedback.urgent, "verified": feedback.verified},
    )
    return Heard(response, source="feedback" if given and not worst else "signal")
