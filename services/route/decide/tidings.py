"""What is told besides cases: high scores, signals, feedback, failing channels, tests."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from services.route import policy
from services.route.decide.alerts import shortened, to_team
from services.route.decide.cases import known_team
from services.route.decide.routing import assign, bind
from services.route.model import (
    Delivery,
    Failure,
    Heard,
    Notice,
    NoticeFigure,
    NoticeScore,
    NoticeType,
    Tidings,
)
from shared.catalog import SCALES, Catalog, Channel, NotInCatalog, Team, in_language
from shared.contracts.asks import Decision
from shared.contracts.envelope import stable_id
from shared.contracts.responses import Response
from shared.rules import RuleFailed


def praise(response: Response, catalog: Catalog, console: str) -> Tidings:
    """Return who hears of a high score: the advocates, and the team that earned it."""
    root = catalog.routing
    if root.advocacy is None or response.band != "high" or response.score is None:
        return Tidings()
    error = None
    try:
        wanted = root.advocacy.when is None or root.advocacy.when.holds(bind(response, root))
    except RuleFailed as failed:
        # A rule error never drops a match: one promoter too many harms nobody.
        wanted, error = True, failed.reason
    if not wanted:
        return Tidings()
    earned = assign(response, root)
    names = dict.fromkeys([root.advocacy.team, *([earned.team] * root.advocacy.tell_owner)])
    alert = _score_alert("score.high", response, response.score, earned.team, console)
    alerts = [
        each
        for name in names
        for each in to_team(alert, known_team(catalog, name), "praise", response.response_id, name)
    ]
    return Tidings(alerts, error or earned.error)


def unlinked(response: Response, score: int, catalog: Catalog, console: str) -> Tidings:
    """Return who hears of a low score that nobody may be known to have given: the team it is for.

    Rules see what there is of it; there is no case, so whoever is told has nothing to close.
    """
    owner = assign(response, catalog.routing)
    team = known_team(catalog, owner.team)
    alert = _score_alert("score.low", response, score, team.team, console)
    # A low score is never lost: should nobody accept it, the fallback team is told.
    owed = replace(alert, owed=True)
    return Tidings(to_team(owed, team, "unlinked", response.response_id), owner.error)


def _score_alert(
    type: NoticeType, response: Response, score: int, team: str, console: str
) -> Delivery:
    scale = SCALES[response.metric]
    notice = Notice(
        type=type,
        team=team,
        touchpoint=response.touchpoint,
        stage=response.stage,
        score=NoticeScore(
            metric=response.metric,
            score=score,
            scale=f"{scale.minimum}-{scale.maximum}",
        ),
        comment=shortened(response.comment, policy.COMMENT_IN_ALERT),
        language=response.language,
        received_at=response.received_at,
        console_url=f"{console}/",
        about=response.response_id,
        correlation=response.correlation,
    )
    return _alert(notice, response.response_id, response.customer_id)


def signalled(decision: Decision, catalog: Catalog, console: str) -> list[Delivery]:
    """Return who is told of a signal that asks nobody and opens no case, in the catalog's words."""
    team = owner_of(decision, catalog)
    subject, text = _words(decision, catalog, team.language)
    notice = Notice(
        type="signal.noticed",
        team=team.team,
        touchpoint=decision.touchpoint,
        stage=decision.attribution.stage,
        reason=decision.signal,
        received_at=decision.decided_at,
        console_url=f"{console}/",
        about=decision.decision_id,
        subject=subject,
        text=text,
        correlation=decision.correlation,
    )
    alert = _alert(notice, decision.decision_id, decision.customer_id)
    return to_team(alert, team, "signal", decision.decision_id)


def _words(decision: Decision, catalog: Catalog, language: str) -> tuple[str | None, str | None]:
    """Return subject and text of the touchpoint's notice; none where the catalog has lost it."""
    try:
        notice = catalog.touchpoint(decision.touchpoint).notice
    except NotInCatalog:
        return None, None
    if notice is None:
        return None, None
    # A subject is one line, however it was written down.
    subject = " ".join(in_language(notice.subject, language).split())
    return (
        shortened(subject, policy.SUBJECT_IN_ALERT),
        in_language(notice.text, language),
    )


def told(heard: Heard, catalog: Catalog, console: str) -> Tidings:
    """Return who reads what a customer told us unasked and what needs no case."""
    response = heard.response
    owner = assign(response, catalog.routing)
    team = known_team(catalog, owner.team)
    notice = Notice(
        type="feedback.received",
        team=team.team,
        touchpoint=response.touchpoint,
        stage=response.stage,
        comment=shortened(response.comment, policy.COMMENT_IN_ALERT),
        language=response.language,
        received_at=response.received_at,
        console_url=f"{console}/",
        about=response.response_id,
        correlation=response.correlation,
    )
    alert = _alert(notice, response.response_id, response.customer_id)
    return Tidings(to_team(alert, team, "feedback", response.response_id), owner.error)


def owner_of(decision: Decision, catalog: Catalog) -> Team:
    """Return the team that a touchpoint belongs to."""
    try:
        owner = catalog.touchpoint(decision.touchpoint).owner
    except NotInCatalog:
        owner = None
    return known_team(catalog, owner or decision.attribution.team or "")


def failing(
    lost: Delivery, failure: Failure, catalog: Catalog, console: str, now: datetime
) -> list[Delivery]:
    """Return who hears that a channel refuses us: those who run this, over what still works."""
    if catalog.routing.operators is None:
        return []
    team = known_team(catalog, catalog.routing.operators)
    notice = Notice(
        type="channel.failing",
        team=lost.team,
        reason=failure,
        figures=(NoticeFigure(name="channel", text=lost.endpoint),),
        received_at=now,
        console_url=f"{console}/",
    )
    others = [each for each in team.channels if f"{team.team}/{each.channel}" != lost.endpoint]
    working = team.model_copy(update={"channels": tuple(others)})
    told = _alert(notice, f"{lost.endpoint}/{now.isoformat()}", "")
    return to_team(told, working, "failing", lost.endpoint, now.isoformat())


def trial(team: Team, channel: Channel, console: str, now: datetime, key: str) -> Delivery:
    """Return a test of one channel, which goes the way of any alert."""
    notice = Notice(type="channel.test", team=team.team, received_at=now, console_url=f"{console}/")
    alert_id = stable_id("test", channel.channel, key)
    return _addressed(_alert(notice, alert_id, ""), team, channel, alert_id)


def channel_of(catalog: Catalog, delivery: Delivery) -> Channel | None:
    """Return the channel as the catalog has it now; None where it has lost it."""
    try:
        team = catalog.team(delivery.team)
    except NotInCatalog:
        return None
    return next((each for each in team.channels if each.channel == delivery.channel), None)


def target(channel: Channel | None) -> str:
    """Return what tells one target of a channel from the next; it gives away nothing."""
    if channel is None:
        return ""
    parts = (channel.kind, channel.url, channel.address, channel.to, channel.secret)
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]


def _addressed(alert: Delivery, team: Team, channel: Channel, alert_id: str) -> Delivery:
    return Delivery(
        alert_id=alert_id,
        case_id="",
        response_id=alert_id,
        customer_id="",
        touchpoint="",
        team=team.team,
        priority=alert.priority,
        channel=channel.channel,
        kind=channel.kind,
        notice=alert.notice,
        received_at=alert.received_at,
        round=alert.round,
        owed=False,
    )


def _alert(notice: Notice, about: str, customer_id: str) -> Delivery:
    """Return an alert of no case and without an address; nobody else is told if it gets lost."""
    return Delivery(
        alert_id="",
        case_id="",
        response_id=about,
        customer_id=customer_id,
        touchpoint=notice.touchpoint or "",
        team="",
        priority=notice.priority,
        channel="",
        kind="webhook",
        notice=notice.model_dump(mode="json"),
        received_at=notice.received_at,
        round=notice.type,
        owed=False,
    )
