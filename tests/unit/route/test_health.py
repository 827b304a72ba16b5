"""Which channels refuse us, and how many of each kind."""

from __future__ import annotations

from services.route.decide import Refusal, standings, target
from services.route.metrics import refusing
from shared.catalog import Channel
from tests.unit.route.catalogs import AT, catalog, hook, team

HOOK, MAIL = hook("hook", "https://a.test"), Channel(channel="m", kind="email", address="a@b.test")
KNOWN = catalog(None, team("care", HOOK, MAIL))
GONE = Refusal("disabled", target(HOOK), "gone", AT)


def test_one_that_refuses_is_told_from_those_that_work() -> None:
    hook_of_care, mail = standings(KNOWN, {"care/hook": GONE})

    assert (hook_of_care.state, hook_of_care.failure, hook_of_care.since) == (
        "disabled",
        "gone",
        AT,
    )
    assert (mail.state, mail.failure) == ("working", None)


def test_what_was_changed_since_or_is_no_channel_any_more_does_not_count() -> None:
    elsewhere = Refusal("broken", target(hook("hook", "https://b.test")), "not_found", AT)

    found = standings(KNOWN, {"care/hook": elsewhere, "care/lost": GONE})

    assert [(each.channel, each.state) for each in found] == [("hook", "working"), ("m", "working")]


def test_every_kind_is_counted_from_nought() -> None:
    counts = {
        (sample.labels["channel"], sample.labels["state"]): sample.value
        for sample in refusing(standings(KNOWN, {"care/hook": GONE})).samples
    }

    assert counts.pop(("webhook", "disabled")) == 1
    assert set(counts.values()) == {0}
    assert {("slack", "broken"), ("webhook", "broken"), ("email", "disabled")} <= set(counts)
