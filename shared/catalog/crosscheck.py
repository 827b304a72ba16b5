"""Whether the entries of a catalog fit together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from shared.catalog import targets
from shared.catalog.fields import span
from shared.catalog.findings import Finding, suggest
from shared.catalog.owners import Route, Routing, Team
from shared.catalog.policy import Channels
from shared.catalog.reading import Draft, Read
from shared.catalog.touchpoints import (
    AbsenceTrigger,
    CountTrigger,
    EventTrigger,
    RecoveryTrigger,
    Survey,
    Touchpoint,
)
from shared.contracts.signals import DELIVERY_REPORTS, OWN
from shared.rules import Condition

RESPONSE = "response"
"""Stands for any answer of the customer where a trigger waits for signals."""

Place = tuple[str | int, ...]


def crosscheck(draft: Draft) -> Iterator[Finding]:
    """Find what is missing, given twice, or never reached across the files."""
    yield from _names(draft)
    yield from _reports(draft)
    yield from _answers(draft)
    yield from _touchpoints(draft)
    yield from _anonymous(draft)
    yield from _channels(draft)
    for survey in draft.surveys:
        yield from _languages(survey)
    teams = draft.declared["team"]
    for team in draft.teams:
        yield from _escalation(team, teams)
    yield from _targets(draft.teams)
    if draft.routing is not None:
        yield from _root(draft.routing, teams)
        yield from _branch(draft.routing, draft.routing.entry, (), teams)
        rules = [(each.when, True) for each in draft.routing.entry.priorities]
        yield from _hidden(draft.routing, rules, ("priorities",))


def _names(draft: Draft) -> Iterator[Finding]:
    yield from _twice("source", ((read.entry.source, read.finding("")) for read in draft.sources))
    yield from _twice(
        "touchpoint", ((read.entry.touchpoint, read.finding("")) for read in draft.touchpoints)
    )
    yield from _twice("survey", ((read.entry.survey, read.finding("")) for read in draft.surveys))
    yield from _twice("team", ((read.entry.team, read.finding("")) for read in draft.teams))
    yield from _twice(
        "channel",
        (
            (channel.channel, read.finding("", "channels", position))
            for read in draft.teams
            for position, channel in enumerate(read.entry.channels)
        ),
    )


def _twice(kind: str, named: Iterable[tuple[str, Finding]]) -> Iterator[Finding]:
    first: dict[str, Finding] = {}
    for name, place in named:
        if name in first:
            where = f"{first[name].file}:{first[name].line}"
            message = f'{kind} "{name}" is given twice (first at {where}), rename one'
            yield Finding(place.file, place.line, message)
        first.setdefault(name, place)


def _reports(draft: Draft) -> Iterator[Finding]:
    """Of our own signals a source may give reports of delivery only: nobody hears any other."""
    for read in draft.sources:
        for position, mapping in enumerate(read.entry.signals):
            if mapping.signal.startswith(OWN) and mapping.signal not in DELIVERY_REPORTS:
                message = f'no report is called "{mapping.signal}", '
                message += suggest(mapping.signal, DELIVERY_REPORTS)
                yield read.finding(message, "signals", position, "signal")


def _answers(draft: Draft) -> Iterator[Finding]:
    """A touchpoint named outright must exist and have a survey: its scale judges the answers."""
    unasked = {read.entry.touchpoint for read in draft.touchpoints if not read.entry.survey}
    surveyed = draft.declared["touchpoint"] - unasked
    for read in draft.sources:
        for position, mapping in enumerate(read.entry.responses):
            name = mapping.touchpoint.constant()
            if name is not None and name not in surveyed:
                message = f'no touchpoint "{name}" with a survey, {suggest(str(name), surveyed)}'
                yield read.finding(message, "responses", position, "touchpoint")


def _touchpoints(draft: Draft) -> Iterator[Finding]:
    signals, surveys = draft.declared["signal"], draft.declared["survey"]
    teams = draft.declared["team"]
    for read in draft.touchpoints:
        entry = read.entry
        if entry.survey is not None and entry.survey not in surveys:
            message = f'no survey "{entry.survey}", {suggest(entry.survey, surveys)}'
            yield read.finding(message, "survey")
        if entry.owner is not None and entry.owner not in teams:
            yield read.finding(f'no team "{entry.owner}", {suggest(entry.owner, teams)}', "owner")
        for signal, place in _awaited(entry):
            if signal not in signals:
                message = f'no source gives the signal "{signal}", {suggest(signal, signals)}'
                yield read.finding(message, *place)


def _anonymous(draft: Draft) -> Iterator[Finding]:
    """Nobody knows who has answered such a survey, so nothing may wait for that."""
    unlinked = {read.entry.survey for read in draft.surveys if read.entry.anonymous}
    for read in draft.touchpoints:
        if read.entry.survey not in unlinked:
            continue
        known = f'survey "{read.entry.survey}" is anonymous, so nobody knows who has answered'
        if read.entry.reminder is not None:
            yield read.finding(f"{known}: remove `reminder`", "reminder")
        if isinstance(read.entry.on, RecoveryTrigger):
            yield read.finding(f"{known} about which case: take another survey", "survey")


def _channels(draft: Draft) -> Iterator[Finding]:
    """A channel that another system sends must say where that system is."""
    outlets = draft.policy.entry.channels if draft.policy else Channels()
    for read in draft.touchpoints:
        for name in read.entry.channels:
            if name in ("sms", "webhook") and not outlets.outlet(name).url:
                message = (
                    f"channel {name} leads nowhere, add "
                    f"`channels: {{{name}: {{url: …, secret: …}}}}` to policy.yaml"
                )
                yield read.finding(message, "channels")


def _awaited(entry: Touchpoint) -> Iterator[tuple[str, Place]]:
    match entry.on:
        case EventTrigger(signal=signal):
            yield signal, ("on", "signal")
        case CountTrigger(count=signal):
            yield signal, ("on", "count")
        case AbsenceTrigger(absence=absence, after=after):
            yield after, ("on", "after")
            for position, signal in enumerate(absence):
                if signal != RESPONSE:
                    yield signal, ("on", "absence", position)
        case _:
            pass
    for position, signal in enumerate(entry.cancel_on):
        yield signal, ("cancel_on", position)


def _languages(read: Read[Survey]) -> Iterator[Finding]:
    """Every text must exist in the languages of the question, or pages would mix them."""
    wanted = set(read.entry.question)
    for place, languages in _texts(read.entry).items():
        field = ".".join(str(step) for step in place)
        if missing := ", ".join(sorted(wanted - languages)):
            message = f"`{field}` has no text in {missing}, the question has"
            yield read.finding(f"{message}: add it", *place)
        if surplus := ", ".join(sorted(languages - wanted)):
            message = f"`{field}` has a text in {surplus}, the question has none"
            yield read.finding(f"{message}: add it there or remove it here", *place)


def _texts(survey: Survey) -> dict[Place, set[str]]:
    """Return the languages of every text but the question, by where it stands."""
    texts: dict[Place, set[str]] = {
        ("low_label",): set(survey.low_label),
        ("high_label",): set(survey.high_label),
    }
    for name in ("low", "mid", "high"):
        texts["follow_up", name] = set(getattr(survey.follow_up, name))
        texts["thanks", name] = set(getattr(survey.thanks, name))
    if survey.parts is not None:
        for name in ("needs", "ease", "enjoyment"):
            texts["parts", name] = set(getattr(survey.parts, name))
    for band in ("low", "mid", "high"):
        for position, reason in enumerate(getattr(survey.reasons, band)):
            texts["reasons", band, position, "label"] = set(reason.label)
    if survey.advocacy is not None:
        texts["advocacy", "label"] = set(survey.advocacy.label)
    return texts


def _escalation(read: Read[Team], teams: set[str]) -> Iterator[Finding]:
    for position, step in enumerate(read.entry.escalation):
        if step.team not in teams:
            message = f'no team "{step.team}", {suggest(step.team, teams)}'
            yield read.finding(message, "escalation", position, "team")


def _targets(teams: Iterable[Read[Team]]) -> Iterator[Finding]:
    """Each target is a boundary of the histograms, or nobody could read off whether it was met."""
    known: set[int] = set()
    for read in teams:
        for seconds in sorted(targets.further([read.entry]) - known):
            known.add(seconds)
            if len(known) > targets.MOST_MORE:
                shown = (timedelta(seconds=each) for each in (seconds, targets.nearest(seconds)))
                given, better = (span(each) for each in shown)
                message = (
                    f"a target of {given} makes more than {targets.MOST_MORE} unusual ones,"
                    f" each of which is a series more in every histogram: make it {better}"
                )
                yield read.finding(message, "targets")


def _root(read: Read[Routing], teams: set[str]) -> Iterator[Finding]:
    root = read.entry
    if root.team is None:
        message = "the root of the tree has no `team`: name the fallback that owns the rest"
        yield read.finding(message)
    if root.when is not None:
        yield read.finding("the root of the tree takes everything: remove `when`", "when")
    if root.continue_:
        yield read.finding("nothing follows the root of the tree: remove `continue`", "continue")
    if root.advocacy is not None and root.advocacy.team not in teams:
        message = f'no team "{root.advocacy.team}", {suggest(root.advocacy.team, teams)}'
        yield read.finding(message, "advocacy", "team")
    if root.operators is not None and root.operators not in teams:
        message = f'no team "{root.operators}", {suggest(root.operators, teams)}'
        yield read.finding(message, "operators")


def _branch(read: Read[Routing], route: Route, place: Place, teams: set[str]) -> Iterator[Finding]:
    if route.team is not None and route.team not in teams:
        message = f'no team "{route.team}", {suggest(route.team, teams)}'
        yield read.finding(message, *place, "team")
    rules = [(each.when, not each.continue_) for each in route.routes]
    yield from _hidden(read, rules, (*place, "routes"))
    for position, child in enumerate(route.routes):
        below = (*place, "routes", position)
        if child.when is None:
            message = "a branch without `when` takes everything and hides what follows: add `when`"
            yield read.finding(message, *below)
        yield from _branch(read, child, below, teams)


def _hidden(
    read: Read[Routing], rules: Iterable[tuple[Condition | None, bool]], place: Place
) -> Iterator[Finding]:
    """Find conditions that stand below the same one, which ends the search when it holds."""
    ends: dict[tuple[str, ...], Finding] = {}
    for position, (when, stops) in enumerate(rules):
        if when is None:
            continue
        asked = tuple(when.text.split())
        here = read.finding("", *place, position)
        if asked in ends:
            first = f"line {ends[asked].line} asks the same and comes first"
            message = f"{first}: this is never reached, make it another `when` or remove it"
            yield Finding(here.file, here.line, message)
        elif stops:
            ends[asked] = here
