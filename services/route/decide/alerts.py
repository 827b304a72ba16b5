"""Whom an event of a case is told to, and what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from services.route import policy
from services.route.decide.cases import calendar_of, deadline, known_team
from services.route.model import (
    CaseNow,
    Delivery,
    Notice,
    NoticeDeadline,
    NoticeScore,
    NoticeType,
)
from shared.business_time import ALWAYS
from shared.catalog import SCALES, Catalog, NotInCatalog, Team
from shared.catalog.fields import in_language
from shared.contracts.cases import NOT_TAKEN, CaseEvent, CaseScore, Deadline
from shared.contracts.envelope import stable_id


def alerts(event: CaseEvent, catalog: Catalog, console: str) -> list[Delivery]:
    """Return the alerts of a new case: one to each channel of its team."""
    team = known_team(catalog, event.team)
    return to_team(_case_alert(event, _notice(event, catalog, console, "case.opened")), team)


def alerts_again(event: CaseEvent, catalog: Catalog, console: str, now: datetime) -> list[Delivery]:
    """Return the alerts of a done case that a further low score brings back.

    `close` starts the clocks anew when it hears of the score; the notice shows them so.
    """
    renewed = tuple(_renewed(each, event, now) for each in event.deadlines)
    notice = _notice(
        event.model_copy(update={"deadlines": renewed}), catalog, console, "case.reopened"
    )
    team = known_team(catalog, event.team)
    return to_team(_case_alert(event, notice), team, event.score.response_id)


def raised(
    event: CaseEvent, known: Sequence[Deadline], catalog: Catalog, console: str
) -> list[Delivery]:
    """Return the alerts of a case that a further low score makes more urgent than it was.

    Of its clocks the earlier ones hold, as `close` will have it: those `known`, or the new ones.
    """
    sooner = {each.clock: each for each in event.deadlines}
    due = tuple(min(sooner.get(d.clock, d), d, key=lambda each: each.due_at) for d in known)
    notice = _notice(event.model_copy(update={"deadlines": due}), catalog, console, "case.raised")
    round = f"case.raised/{event.score.response_id}"
    alert = replace(_case_alert(event, notice), round=round)
    return to_team(alert, known_team(catalog, event.team), round)


def came_back(event: CaseEvent) -> bool:
    """Say whether `close` tells of an ended case that a low score has brought back to work."""
    return event.previous in policy.ENDED and event.state not in policy.ENDED


def handed_on(
    event: CaseEvent, type: NoticeType, team: str, catalog: Catalog, console: str
) -> list[Delivery]:
    """Return the alerts to a team that a case has come to, or come back to, by what was done."""
    round = f"{type}/{event.version}"
    alert = replace(_case_alert(event, _notice(event, catalog, console, type)), round=round)
    return to_team(alert, known_team(catalog, team), round)


def warned(event: CaseEvent, catalog: Catalog, console: str) -> list[Delivery]:
    """Return the one reminder, for people, that a case is not taken and its time nearly over.

    The other warnings only change what was said: whoever works on a case sees its clocks there.
    """
    if event.reason != NOT_TAKEN or event.state not in ("new", "assigned"):
        return []
    people = {each.channel for each in known_team(catalog, event.team).channels if each.for_people}
    found = handed_on(event, "case.warned", event.team, catalog, console)
    # Should nobody accept it, the breach that follows tells others anyway.
    return [replace(each, owed=False) for each in found if each.channel in people]


def escalation(delivery: Delivery, tried: Set[str], catalog: Catalog) -> list[Delivery]:
    """Return the same notice for the fallback team, on those of its channels not yet `tried`."""
    fallback = catalog.fallback_team
    occasion = (delivery.response_id, fallback.team, *filter(None, [delivery.round]))
    return [each for each in to_team(delivery, fallback, *occasion) if each.endpoint not in tried]


def changed(told: Delivery, case: CaseNow) -> Delivery:
    """Return what brings a message that was delivered up to date."""
    notice = Notice.model_validate(told.notice)
    deadlines = tuple(NoticeDeadline(clock=d.clock, due_at=d.due_at) for d in case.deadlines)
    news = {
        "type": "case.changed",
        # That it has become more urgent was said once; what it was before has ended with that.
        "raised_from": None,
        "version": case.version,
        "state": case.state,
        "assignee": case.assignee,
        "reason": case.reason,
        "deadlines": deadlines,
    }
    round = f"case.changed/{case.version}"
    return replace(
        told,
        alert_id=stable_id("alert", told.alert_id, round),
        notice=notice.model_copy(update=news).model_dump(mode="json"),
        round=round,
        owed=False,
        attempt=0,
        fence=0,
        rank=0,
    )


def refreshed(told: Delivery, case: CaseNow) -> Delivery:
    """Return the same alert again for a receiver that forgets; there is one such row for each."""
    alert_id = stable_id("alert", told.alert_id, policy.REFRESHED)
    return replace(changed(told, case), alert_id=alert_id, round=policy.REFRESHED)


def to_team(alert: Delivery, team: Team, *occasion: str) -> list[Delivery]:
    """Address an alert to each channel of a team; people's ones stand in the order of failing over.

    What makes its id another one than that of the case's opening is the `occasion`.
    """
    found, rank = [], 0
    for channel in team.channels:
        if not channel.alerts:
            continue
        found.append(
            replace(
                alert,
                alert_id=stable_id("alert", alert.case_id, channel.channel, *occasion),
                team=team.team,
                channel=channel.channel,
                kind=channel.kind,
                rank=rank if channel.for_people else 0,
                attempt=0,
                fence=0,
            )
        )
        rank += channel.for_people
    return found


def notice_score(score: CaseScore) -> NoticeScore | None:
    """Return the score as alerts show it; None where nobody gave one."""
    if score.source == "signal":
        return None
    scale = SCALES[score.metric]
    return NoticeScore(
        metric=score.metric, score=score.score, scale=f"{scale.minimum}-{scale.maximum}"
    )


def shortened(text: str | None, longest: int) -> str | None:
    """Cut a text to so many characters, the last one an ellipsis where something is missing."""
    if text is None or len(text) <= longest:
        return text
    return text[: longest - 1].rstrip() + "…"


def _renewed(old: Deadline, event: CaseEvent, now: datetime) -> Deadline:
    if old.clock not in ("acknowledge", "contact", "resolve"):
        return old
    calendar = calendar_of(event.policy) if old.measure == "business" else ALWAYS
    return deadline(old.clock, timedelta(seconds=old.target_seconds), now, calendar)


def _case_alert(event: CaseEvent, notice: Notice) -> Delivery:
    """Return the alert without an address."""
    return Delivery(
        alert_id="",
        case_id=event.case_id,
        response_id=event.score.response_id,
        customer_id=event.customer_id,
        touchpoint=event.touchpoint,
        team="",
        priority=event.priority,
        channel="",
        kind="webhook",
        notice=notice.model_dump(mode="json"),
        received_at=event.score.received_at,
    )


def _notice(event: CaseEvent, catalog: Catalog, console: str, type: NoticeType) -> Notice:
    return Notice(
        type=type,
        case_id=event.case_id,
        version=event.version,
        team=event.team,
        priority=event.priority,
        raised_from=event.raised_from,
        touchpoint=event.touchpoint,
        stage=event.stage,
        score=notice_score(event.score),
        comment=shortened(event.score.comment, policy.COMMENT_IN_ALERT),
        reasons=_reasons(event, catalog),
        effort=event.score.effort,
        contact_wanted=event.score.contact_wanted,
        language=event.score.language,
        deadlines=tuple(NoticeDeadline(clock=d.clock, due_at=d.due_at) for d in event.deadlines),
        received_at=event.score.received_at,
        console_url=f"{console}/cases/{event.case_id}",
        state=event.state,
        assignee=event.assignee,
        reason=event.reason,
        correlation=event.correlation,
        product=event.attribution.product,
        agent=event.attribution.agent,
        # The first step is the root, which everything goes through.
        because=shortened(" > ".join(event.routing_path[1:]), policy.RULES_IN_ALERT) or None,
    )


def _reasons(event: CaseEvent, catalog: Catalog) -> tuple[str, ...]:
    """Return what the customer chose, as the survey says it in the language of the team."""
    language = known_team(catalog, event.team).language
    try:
        survey = catalog.survey(event.score.survey)
    except NotInCatalog:
        return event.score.reasons
    offered = (survey.reasons.low, survey.reasons.mid, survey.reasons.high)
    labels = {each.reason: in_language(each.label, language) for band in offered for each in band}
    return tuple(labels.get(each, each) for each in event.score.reasons)


def updatable(rows: Sequence[Delivery], cases: Mapping[str, CaseNow]) -> list[Delivery]:
    """Return the updates of those delivered alerts whose case has gone on since."""
    return [
        changed(row, case)
        for row in rows
        if (case := cases.get(row.case_id)) is not None
        and case.version > Notice.model_validate(row.notice).version
    ]
