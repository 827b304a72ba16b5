"""The mail an owner gets."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.route.channels.card import local_time
from services.route.channels.links import ActionLinks
from services.route.channels.mail import compose
from services.route.decide import alerts, decide
from services.route.model import Facts, Heard, Letter, Notice, Opened
from shared.contracts import actions
from shared.links import Links
from tests.unit.route import letters
from tests.unit.route.catalogs import AT, catalog, response, team


def _letter(**changes: Any) -> Letter:
    known = catalog(None, team("care", zone="Europe/Berlin"))
    outcome = decide(Heard(response(**changes), False), Facts({}, {}), known, AT)
    assert isinstance(outcome, Opened)
    (alert,) = alerts(outcome.event, known, "https://console.test")
    owner = known.team("care")
    return Letter(alert, Notice.model_validate(alert.notice), owner, owner.channels[0])


def test_the_subject_says_what_happened_until_when_to_act_and_which_case() -> None:
    letter = _letter()
    by = letter.notice.deadlines[1].due_at

    mail = compose(letter, AT, "Touchback <tb@mail.test>", "mail.test")

    shown = local_time(by, AT, "Europe/Berlin")
    case = letter.notice.case_id[:6]
    assert mail["Subject"] == f"NPS 2 · First bill · contact by {shown} · case {case}"


def test_an_escalated_mail_says_whose_case_it_is() -> None:
    letter = _letter()
    theirs = replace(letter, notice=letter.notice.model_copy(update={"team": "billing"}))

    said = compose(theirs, AT, "tb@mail.test", "mail.test").get_body(("plain",))
    usual = compose(letter, AT, "tb@mail.test", "mail.test").get_body(("plain",))

    assert said is not None
    assert usual is not None
    assert "no alert has reached team Billing" in said.get_content()
    assert "no alert has reached" not in usual.get_content()


def test_repeats_carry_the_same_message_id() -> None:
    letter = _letter()
    first = compose(letter, AT, "tb@mail.test", "mail.test")
    again = compose(letter, AT + timedelta(minutes=5), "tb@mail.test", "mail.test")

    assert first["Message-ID"] == again["Message-ID"]
    assert first["Message-ID"] == f"<{letter.delivery.alert_id}@mail.test>"


def test_both_parts_link_to_the_case_and_quote_the_customer_safely() -> None:
    letter = _letter(comment="<b>never</b> again")

    mail = compose(letter, AT, "tb@mail.test", "mail.test")
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))

    assert text is not None
    assert html is not None
    assert letter.notice.console_url in text.get_content()
    assert letter.notice.console_url in html.get_content()
    assert "<b>never</b> again" in text.get_content()
    assert "&lt;b&gt;never" in html.get_content()


KEYS = ["k" * 32]
CLOSE = ActionLinks(KEYS, "https://close.test")


def _acting(letter: Letter, part: str) -> list[str]:
    """What the links of a part of the mail are signed for."""
    body = compose(letter, AT, "tb@mail.test", "mail.test", CLOSE).get_body((part,))
    assert body is not None
    tokens = re.findall(r"https://close\.test/a/([\w.-]+)", body.get_content())
    return [Links(KEYS).read(actions.PURPOSE, token) for token in tokens]


@pytest.mark.parametrize("part", ["plain", "html"])
def test_a_mail_lets_its_reader_take_the_case_by_links_that_name_nobody(part: str) -> None:
    letter = _letter()
    case = letter.notice.case_id

    assert _acting(letter, part) == [f"acknowledge:{case}", f"contacted:{case}"]


@pytest.mark.parametrize(("language", "label"), [("en", "Take it: "), ("zh", "由我处理: ")])
def test_the_links_speak_the_teams_language(language: str, label: str) -> None:
    letter = letters.letter(language=language)
    body = compose(letter, AT, "tb@mail.test", "mail.test", CLOSE).get_body(("plain",))
    assert body is not None
    assert f"{label}https://close.test/a/" in body.get_content()


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({"state": "acknowledged"}, ["contacted:0b5ad1c8-aaaa"]),
        ({"state": "contacted"}, []),
        ({"state": "closed"}, []),
        ({"type": "signal.noticed", "case_id": None, "state": None}, []),
    ],
    ids=["taken", "contacted", "closed", "no case"],
)
def test_a_mail_offers_only_what_can_still_be_done(
    changes: dict[str, Any], offered: list[str]
) -> None:
    assert _acting(letters.letter(**changes), "plain") == offered


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("contact_overdue", "Billing has not done it in time"),
        ("customer_disagrees", "Billing resolved it, and the customer disagrees"),
    ],
)
def test_an_escalated_mail_says_why(reason: str, words: str) -> None:
    letter = letters.letter(type="case.escalated", team="billing", reason=reason)
    body = compose(letter, AT, "tb@mail.test", "mail.test").get_body(("plain",))
    assert body is not None
    assert words in body.get_content()


def test_without_keys_a_mail_has_no_links_that_act() -> None:
    assert "/a/" not in compose(_letter(), AT, "tb@mail.test", "mail.test").as_string()


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(4, "17:00"), (10, "23:00"), (11, "3 Mar 00:00")],
    ids=["today", "the last hour of today", "tomorrow on the team's clock"],
)
def test_times_are_on_the_teams_clock(hours: int, expected: str) -> None:
    assert local_time(AT + timedelta(hours=hours), AT, "Europe/Berlin") == expected
