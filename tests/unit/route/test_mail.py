"""The mail an owner gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.route.channels.card import local_time
from services.route.channels.mail import compose
from services.route.decide import alerts, decide
from services.route.model import Facts, Heard, Letter, Notice, Opened
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
    assert "no alert has reached team billing" in said.get_content()
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


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(4, "17:00"), (10, "23:00"), (11, "3 Mar 00:00")],
    ids=["today", "the last hour of today", "tomorrow on the team's clock"],
)
def test_times_are_on_the_teams_clock(hours: int, expected: str) -> None:
    assert local_time(AT + timedelta(hours=hours), AT, "Europe/Berlin") == expected
