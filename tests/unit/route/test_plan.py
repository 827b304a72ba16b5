"""When each alert goes out: turns of people's channels, storms, silences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.route import policy
from services.route.decide import alerts, decide, digest, plan
from services.route.model import Delivery, Facts, Health, Heard, Known, Opened, Owed, Silence
from shared.catalog import Catalog, Channel, Team
from tests.unit.route.catalogs import AT, catalog, hook, response

MAILS = [
    Channel(channel=f"mail-{n}", kind="email", address=f"{n}@care.test") for n in ("a", "b", "c")
]
CARE = Team(team="care", name="Care", channels=(hook("hook", "https://a.test"), *MAILS))
KNOWN: Catalog = catalog(None, CARE)
ZERO, TWO = timedelta(0), timedelta(minutes=2)
PRIVATE = {"comment": "I am Ada", "correlation": "order-7", "answers": {"reasons": ["slow"]}}


def opened(name: str, **changes: Any) -> list[Delivery]:
    """The alerts of a new case of a customer of that name."""
    said = response(name, customer_id=name, **changes)
    outcome = decide(Heard(said), Facts({}, {}), KNOWN, AT)
    assert isinstance(outcome, Opened)
    return alerts(outcome.event, KNOWN, "https://console.test")


def waits(owed: list[Owed]) -> dict[str, timedelta]:
    """How long each channel waits."""
    return {each.delivery.channel: each.next_at - AT for each in owed}


def test_peoples_channels_take_turns_and_systems_never_wait() -> None:
    assert waits(plan(opened("r1"), Known(), AT)) == {
        "hook": ZERO,
        "mail-a": ZERO,
        "mail-b": TWO,
        "mail-c": 2 * TWO,
    }


@pytest.mark.parametrize("state", ["broken", "disabled"])
def test_nobody_waits_for_a_channel_that_is_known_not_to_work(state: Health) -> None:
    known = Known(health={"care/mail-a": state})
    found = waits(plan(opened("r1"), known, AT))
    assert (found["mail-a"], found["mail-b"], found["mail-c"]) == (ZERO, ZERO, TWO)


def storm(count: int, lately: int = 0, **known: Any) -> list[Owed]:
    """The alerts of so many cases at once."""
    all = [alert for n in range(count) for alert in opened(f"r{n}", **PRIVATE)]
    before = {("care/mail-a", "first-bill"): lately}
    return plan(all, Known(lately=before, **known), AT)


@given(st.integers(0, 12), st.integers(1, 8))
def test_from_the_sixth_alert_on_people_get_a_digest_and_systems_each(
    lately: int, count: int
) -> None:
    owed = storm(count, lately)
    gathered = {each.delivery.case_id for each in owed if each.state == "gathered"}
    assert len(gathered) == max(0, min(count, lately + count - policy.STORM))
    assert all(each.state == "due" for each in owed if each.delivery.kind == "webhook")
    assert sum(each.delivery.kind == "webhook" for each in owed) == count
    digests = [each for each in owed if each.delivery.notice["type"] == "alerts.digest"]
    assert len(digests) == (3 if gathered else 0)  # one for each of people's channels
    names = {each.delivery.alert_id for each in digests}
    assert {each.digest_id for each in owed if each.state == "gathered"} == (names or set())


def test_a_digest_waits_for_company_and_says_nothing_of_a_single_customer() -> None:
    owed = storm(6)
    frames = [each for each in owed if each.delivery.notice["type"] == "alerts.digest"]
    assert waits(frames) == {
        "mail-a": policy.GATHER,
        "mail-b": policy.GATHER + TWO,
        "mail-c": policy.GATHER + 2 * TWO,
    }
    for frame in frames:
        assert (frame.delivery.customer_id, frame.delivery.case_id) == ("", "")
        assert not frame.delivery.owed  # what it holds is escalated, not the digest
        told = str(frame.delivery.notice)
        assert [word for word in ("Ada", "order-7", "slow", "r5") if word in told] == []


def test_a_digest_lists_the_most_urgent_first_and_says_how_many_it_holds() -> None:
    frame = next(each.delivery for each in storm(6) if not each.delivery.case_id)
    members = [opened(f"m{n}")[1] for n in range(policy.ITEMS + 4)]
    urgent = {**members[-1].notice, "priority": "high", "case_id": "worst"}
    members[-1] = replace(members[-1], notice=urgent)

    notice = digest(frame, members, "https://console.test").notice

    items: Any = notice["items"]
    assert (notice["total"], notice["priority"]) == (policy.ITEMS + 4, "high")
    assert (len(items), items[0]["case_id"]) == (policy.ITEMS, "worst")


@pytest.mark.parametrize("ago", [1, 9, 11])
def test_the_next_digest_comes_no_sooner_than_the_span_after_the_last(ago: int) -> None:
    last = AT - timedelta(minutes=ago)
    owed = storm(1, 9, digested_at={("care/mail-a", "first-bill"): last})
    (frame,) = [each for each in owed if each.delivery.channel == "mail-a" and not each.digest_id]
    assert frame.next_at == max(AT + policy.GATHER, last + policy.STORM_SPAN)


def test_an_open_digest_takes_more_and_no_other_is_begun() -> None:
    place = ("care/mail-a", "first-bill")
    owed = storm(1, 9, digests={place: "open-one"})
    (mine,) = [each for each in owed if each.delivery.channel == "mail-a"]
    assert (mine.state, mine.digest_id) == ("gathered", "open-one")


def silence(hours: float, **matched: str) -> Silence:
    """A silence that began an hour ago and lasts that long from now."""
    wanted = {"team": None, "touchpoint": None, "channel": None, **matched}
    ends = AT + timedelta(hours=hours)
    return Silence(str(ends), author="lena", comment="", starts_at=AT - TWO, ends_at=ends, **wanted)


@pytest.mark.parametrize(
    ("matched", "held"),
    [
        ({}, {"hook", "mail-a", "mail-b", "mail-c"}),
        ({"team": "care"}, {"hook", "mail-a", "mail-b", "mail-c"}),
        ({"team": "billing"}, set()),
        ({"touchpoint": "first-bill", "channel": "mail-b"}, {"mail-b"}),
        ({"touchpoint": "delivered", "channel": "mail-b"}, set()),
    ],
)
def test_a_silence_holds_back_what_it_names(matched: Mapping[str, str], held: set[str]) -> None:
    owed = plan(opened("r1"), Known(silences=[silence(2, **matched)]), AT)
    silenced = [each for each in owed if each.state == "silenced"]
    assert {each.delivery.channel for each in silenced} == held
    assert {each.next_at for each in silenced} <= {AT + timedelta(hours=2)}


@pytest.mark.parametrize(
    ("starts", "ends", "holds"),
    [(0, 1, True), (-5, 0, False), (1, 5, False), (-5, 1, True)],
    ids=["from its first moment", "not at its end", "not before", "to its last"],
)
def test_a_silence_holds_from_its_start_to_just_before_its_end(
    starts: int, ends: int, holds: bool
) -> None:
    def at(seconds: int) -> datetime:
        return AT + timedelta(seconds=seconds)

    span = replace(silence(1), starts_at=at(starts), ends_at=at(ends))
    owed = plan(opened("r1"), Known(silences=[span]), AT)
    assert {each.state for each in owed} == ({"silenced"} if holds else {"due"})


def test_of_several_silences_the_last_to_end_counts() -> None:
    owed = plan(opened("r1"), Known(silences=[silence(1), silence(3), silence(2)]), AT)
    assert {each.next_at for each in owed} == {AT + timedelta(hours=3)}


@pytest.mark.parametrize("type", sorted(policy.NEVER_SILENT))
def test_what_says_that_something_is_broken_is_never_silenced(type: str) -> None:
    told = [replace(each, notice={**each.notice, "type": type}) for each in opened("r1")]
    assert {each.state for each in plan(told, Known(silences=[silence(1)]), AT)} == {"due"}
