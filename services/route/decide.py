"""Who owns a low score, whether it opens or joins a case, when a failed alert is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.route import policy
from services.route.model import (
    Again,
    Assigned,
    Attached,
    Case,
    Delivery,
    Exhausted,
    Facts,
    Failure,
    Heard,
    Kind,
    Notice,
    NoticeDeadline,
    NoticeScore,
    NoticeType,
    Opened,
    Outcome,
    Refused,
    Unaffected,
)
from shared.catalog import RESPONSE_RULES, SCALES, Catalog, NotInCatalog, Route, Targets, Team
from shared.contracts.cases import CaseEvent, CaseScore, Deadline
from shared.contracts.envelope import stable_id
from shared.contracts.responses import Response
from shared.rules import Inputs, RuleFailed

# --- the owner -----------------------------------------------------------------------------------


def assign(response: Response, root: Route) -> Assigned:
    """Find the owner: the deepest, leftmost match; the root where nothing matches or a rule fails.

    A route with `continue` hands its team and priority on to its later siblings, and is itself
    the match when none of them is.
    """
    fallback = Assigned(root.team or "", root.priority or "normal", ("root",), "no_rule_matched")
    try:
        return _descend(root.routes, fallback, _inputs(response), "")
    except RuleFailed as error:
        return replace(fallback, reason="rule_error", error=error.reason)


def _descend(routes: Sequence[Route], above: Assigned, inputs: Inputs, prefix: str) -> Assigned:
    found = above
    for position, route in enumerate(routes, 1):
        if route.when is not None and not route.when.holds(inputs):
            continue
        step = f"{prefix}{position}" + (f": {route.when.text}" if route.when else "")
        here = Assigned(
            route.team or found.team,
            route.priority or found.priority,
            (*found.path, step),
            "rule_matched",
        )
        found = _descend(route.routes, here, inputs, f"{prefix}{position}.")
        if not route.continue_:
            break
    return found


def _inputs(response: Response) -> Inputs:
    fields = _fields(response)
    # Measured without the comment, which is bounded by itself: see policy.COMMENT_IN_RULES.
    RESPONSE_RULES.bind({"response": fields})
    comment = response.comment[: policy.COMMENT_IN_RULES] if response.comment else None
    return RESPONSE_RULES.bind({"response": {**fields, "comment": comment}}, size=0)


def _fields(response: Response) -> Mapping[str, Any]:
    return {
        "touchpoint": response.touchpoint,
        "survey": response.survey,
        "metric": response.metric,
        "score": response.score,
        "band": response.band,
        "language": response.language,
        "channel": response.channel,
        "customer_id": response.customer_id,
        "stage": response.stage,
        "attributes": response.attributes,
        "attribution": response.attribution.model_dump(),
    }


# --- the case ------------------------------------------------------------------------------------


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
    case = facts.open_cases.get((response.customer_id, response.touchpoint))
    if case is not None:
        event = _attached(case, response, response.score, catalog.version, now)
        return Attached(event, again=case.state in policy.DONE)
    return _opened(heard, response.score, catalog, now)


def _opened(heard: Heard, score: int, catalog: Catalog, now: datetime) -> Opened:
    response = heard.response
    # A score that became low by a later correction starts its clocks then, not in the past.
    since = response.at if heard.amended else response.received_at
    assigned = assign(response, catalog.routing)
    targets = catalog.team(assigned.team).target(assigned.priority)
    event = CaseEvent(
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
        score=_score(response, score),
        stage=response.stage,
        correlation=response.correlation,
        attribution=response.attribution,
        attributes=response.attributes,
        deadlines=deadlines(targets, since),
        routing_path=assigned.path,
        catalog_version=catalog.version,
    )
    return Opened(event, assigned)


def _attached(case: Case, response: Response, score: int, version: str, now: datetime) -> CaseEvent:
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
        score=_score(response, score),
        stage=response.stage,
        correlation=response.correlation,
        attribution=response.attribution,
        attributes=response.attributes,
        deadlines=case.deadlines,
        routing_path=case.routing_path,
        catalog_version=version,
    )


def _score(response: Response, score: int) -> CaseScore:
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
    )


def deadlines(targets: Targets, since: datetime) -> tuple[Deadline, ...]:
    """Return the clocks of a case, in wall time."""
    return (
        _deadline("acknowledge", targets.acknowledge, since),
        _deadline("contact", targets.contact, since),
        _deadline("resolve", targets.resolve, since),
    )


def _deadline(clock: Any, target: timedelta, since: datetime) -> Deadline:
    return Deadline(clock=clock, due_at=since + target, target_seconds=int(target.total_seconds()))


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
    )


# --- the alerts ----------------------------------------------------------------------------------


def alerts(event: CaseEvent, catalog: Catalog, console: str) -> list[Delivery]:
    """Return the alerts of a new case: one to each channel of its team."""
    return _alerts(event, _notice(event, console, "case.opened"), catalog)


def alerts_again(event: CaseEvent, catalog: Catalog, console: str, now: datetime) -> list[Delivery]:
    """Return the alerts of a done case that a further low score brings back.

    `close` starts the clocks anew when it hears of the score; the notice shows them so.
    """
    renewed = tuple(_renewed(deadline, now) for deadline in event.deadlines)
    notice = _notice(event.model_copy(update={"deadlines": renewed}), console, "case.reopened")
    return _alerts(event, notice, catalog, event.score.response_id)


def came_back(event: CaseEvent) -> bool:
    """Say whether `close` tells of a done case that a low score has brought back to work."""
    return event.previous in policy.DONE and event.state not in policy.DONE


def escalation(delivery: Delivery, tried: Set[str], catalog: Catalog) -> list[Delivery]:
    """Return the same notice for the fallback team, on those of its channels not yet `tried`."""
    fallback = catalog.team(catalog.routing.team or "")
    each = [
        replace(
            delivery,
            alert_id=stable_id(
                "alert", delivery.case_id, channel.channel, delivery.response_id, fallback.team
            ),
            team=fallback.team,
            channel=channel.channel,
            kind=channel.kind,
            attempt=0,
            fence=0,
        )
        for channel in fallback.channels
    ]
    return [alert for alert in each if alert.endpoint not in tried]


def _renewed(deadline: Deadline, now: datetime) -> Deadline:
    if deadline.clock not in ("acknowledge", "contact", "resolve"):
        return deadline
    return _deadline(deadline.clock, timedelta(seconds=deadline.target_seconds), now)


def _alerts(event: CaseEvent, notice: Notice, catalog: Catalog, *occasion: str) -> list[Delivery]:
    team = _known_team(catalog, event.team)
    return [
        Delivery(
            alert_id=stable_id("alert", event.case_id, channel.channel, *occasion),
            case_id=event.case_id,
            response_id=event.score.response_id,
            customer_id=event.customer_id,
            touchpoint=event.touchpoint,
            team=team.team,
            priority=event.priority,
            channel=channel.channel,
            kind=channel.kind,
            notice=notice.model_dump(mode="json"),
            received_at=event.score.received_at,
        )
        for channel in team.channels
    ]


def _known_team(catalog: Catalog, name: str) -> Team:
    """Return the team, or the fallback team where the catalog has lost it since the opening."""
    try:
        return catalog.team(name)
    except NotInCatalog:
        return catalog.team(catalog.routing.team or "")


def _notice(event: CaseEvent, console: str, type: NoticeType) -> Notice:
    scale = SCALES[event.score.metric]
    return Notice(
        type=type,
        case_id=event.case_id,
        version=event.version,
        team=event.team,
        priority=event.priority,
        touchpoint=event.touchpoint,
        stage=event.stage,
        score=NoticeScore(
            metric=event.score.metric,
            score=event.score.score,
            scale=f"{scale.minimum}-{scale.maximum}",
        ),
        comment=shortened(event.score.comment, policy.COMMENT_IN_ALERT),
        language=event.score.language,
        deadlines=tuple(NoticeDeadline(clock=d.clock, due_at=d.due_at) for d in event.deadlines),
        received_at=event.score.received_at,
        console_url=f"{console}/cases/{event.case_id}",
    )


def shortened(text: str | None, longest: int) -> str | None:
    """Cut a text to so many characters, the last one an ellipsis where something is missing."""
    if text is None or len(text) <= longest:
        return text
    return text[: longest - 1].rstrip() + "…"


# --- attempts that failed ------------------------------------------------------------------------

_BY_STATUS: Mapping[int, Failure] = {
    401: "unauthorized",
    403: "unauthorized",
    404: "not_found",
    408: "timeout",
    410: "gone",
    425: "rate_limited",
    429: "rate_limited",
}


def judge_status(status: int) -> Failure | None:
    """Return what an HTTP status means for an alert; None when it was accepted."""
    if 200 <= status < 300:
        return None
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:
        return "redirected"
    return "server_error" if status >= 500 else "client_error"


def judge_smtp(code: int) -> Failure:
    """Return what an SMTP refusal means: 5xx is for good, all else may pass."""
    return "smtp_permanent" if code >= 500 else "smtp_temporary"


def after_failure(
    kind: Kind, attempt: int, refused: Refused, chance: Callable[[], float]
) -> Again | Exhausted:
    """Say when the next attempt is; `attempt` counts from 1, `chance` gives 0 up to 1."""
    # A kind that only another release knows is told of like a system.
    schedule = policy.SCHEDULES.get(kind, policy.SYSTEMS)
    if refused.failure not in policy.RETRIED:
        return Exhausted(permanent=True)
    if attempt >= len(schedule):
        return Exhausted(permanent=False)
    base = schedule[attempt]
    following = schedule[attempt + 1] if attempt + 1 < len(schedule) else base * 2
    if refused.retry_after is not None:
        return Again(min(max(refused.retry_after, base), following))
    return Again(base * (1 + policy.JITTER * (2 * chance() - 1)))
