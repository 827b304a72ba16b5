"""What each channel says: within its limits, escaped its way, and naming nobody in a title."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.route.channels import alertmanager, pagerduty, slack, teams
from services.route.channels.card import card
from services.route.channels.mail import compose
from services.route.channels.words import WORDS
from services.route.model import Letter, NoticeDeadline, NoticeFigure, NoticeType
from shared.catalog import Channel
from shared.outbound import signed
from tests.unit.route.catalogs import AT
from tests.unit.route.letters import digest, letter

WILD = st.text(max_size=400).map(lambda text: text * 20)
PAGER = Channel(channel="pager", kind="pagerduty", secret="key")
WATCH = Channel(channel="watch", kind="alertmanager", url="http://watch.test")
FIGURES = (NoticeFigure(name="channel", text="care/hook"),)


def _limits(folder: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(
        (folder / "conformance" / "slack" / "block_kit_limits_from_sdk.json").read_text()
    )
    return found


def _check_slack(message: dict[str, Any], limits: dict[str, dict[str, int]]) -> None:
    section, button = limits["SectionBlock"], limits["ButtonElement"]
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        match block["type"]:
            case "header":
                assert 0 < len(block["text"]["text"]) <= limits["HeaderBlock"]["text_max_length"]
            case "section":
                texts = [block["text"]] if "text" in block else block["fields"]
                assert len(block.get("fields", ())) <= section["fields_max_length"]
                assert all(0 < len(each["text"]) <= section["text_max_length"] for each in texts)
            case "actions":
                elements = block["elements"]
                assert 0 < len(elements) <= limits["ActionsBlock"]["elements_max_length"]
                for each in elements:
                    assert len(each["text"]["text"]) <= button["text_max_length"]
                    assert len(each.get("value", "")) <= button["value_max_length"]
                    assert len(each.get("url", "")) <= button["url_max_length"]
                    most = limits["InteractiveElement"]["action_id_max_length"]
                    assert len(each["action_id"]) <= most
            case other:
                raise AssertionError(f"no limits known for {other}")


@settings(deadline=None, max_examples=40)
@given(WILD, st.text(max_size=128), st.sampled_from(["en", "zh"]))
def test_slack_messages_keep_the_limits_of_block_kit(
    shared_data: Path, comment: str, name: str, language: str
) -> None:
    limits = _limits(shared_data)
    said = letter(
        language=language, comment=comment, touchpoint=name, assignee=name, state="acknowledged"
    )

    _check_slack(slack.message(card(said, AT)), limits)
    _check_slack(slack.message(card(letter(**digest(20, comment)), AT)), limits)


def test_slack_text_cannot_become_markup_or_mention_anybody() -> None:
    message = slack.message(card(letter(comment="<!channel> & <https://evil.test|click>"), AT))

    text = json.dumps(message)
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;https://evil.test|click&gt;" in text


def test_slack_offers_the_next_step_with_the_case_and_its_version() -> None:
    message = slack.message(card(letter(version=3), AT))

    actions = next(block for block in message["blocks"] if block["type"] == "actions")["elements"]
    assert [(each["action_id"], each.get("value")) for each in actions] == [
        ("touchback.acknowledge", "0b5ad1c8-aaaa:3"),
        ("touchback.open", None),
    ]
    done = slack.message(card(letter(type="case.changed", state="closed"), AT))
    assert [each["action_id"] for each in done["blocks"][-1]["elements"]] == ["touchback.open"]


@settings(deadline=None, max_examples=40)
@given(WILD)
def test_a_card_for_teams_is_never_larger_than_teams_takes(comment: str) -> None:
    for said in (letter(comment=comment), letter(**digest(20, comment))):
        body = teams.message(card(said, AT))
        assert len(body.encode()) <= teams.LARGEST
        attachment = json.loads(body)["attachments"][0]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert attachment["content"]["type"] == "AdaptiveCard"


def test_markdown_in_a_comment_stays_text_in_teams() -> None:
    body = teams.message(card(letter(comment="[click](https://evil.test) **now**"), AT))

    quote = json.loads(body)["attachments"][0]["content"]["body"][-1]["text"]
    assert quote == r"\[click\]\(https://evil.test\) \*\*now\*\*"


@settings(deadline=None, max_examples=40)
@given(WILD)
def test_events_for_pagerduty_fit_its_schema(shared_data: Path, comment: str) -> None:
    file = shared_data / "conformance" / "pagerduty" / "events-v2.openapiv3.json"
    document = json.loads(file.read_text())
    body = document["paths"]["/enqueue"]["post"]["requestBody"]
    schema = {**body["content"]["application/json"]["schema"], **document}

    for changes in ({"comment": comment}, digest(3, comment), {"state": "closed"}):
        event = pagerduty.event(letter(PAGER, **changes), AT, "k" * 32)
        jsonschema.validate(event, schema)
        assert len(event.get("payload", {}).get("summary", "")) <= pagerduty.SUMMARY


@pytest.mark.parametrize(
    ("type", "state", "expected"),
    [
        ("case.opened", "assigned", "trigger"),
        ("case.changed", "acknowledged", "acknowledge"),
        ("case.changed", "resolved", "resolve"),
        ("case.changed", "assigned", "trigger"),
        ("case.reopened", "assigned", "trigger"),
    ],
)
def test_an_incident_follows_its_case(type: str, state: str, expected: str) -> None:
    event = pagerduty.event(letter(PAGER, type=type, state=state), AT, "k")

    assert (event["event_action"], event["dedup_key"]) == (expected, "0b5ad1c8-aaaa")


def test_an_alert_ends_with_its_case_and_keeps_its_labels() -> None:
    opened = alertmanager.alert(letter(WATCH), AT)
    closed = alertmanager.alert(letter(WATCH, type="case.changed", state="closed"), AT)

    assert opened["labels"] == closed["labels"]
    assert opened["endsAt"] > opened["startsAt"]
    assert closed["endsAt"] == AT.isoformat()


DETAIL = {
    "stage": "purchase",
    "product": "Fibre 500",
    "agent": "agent-7",
    "correlation": "bill-4711",
    "because": '1: response.touchpoint == "first-bill"',
    "deadlines": [
        NoticeDeadline(clock="acknowledge", due_at=AT + timedelta(hours=1)),
        NoticeDeadline(clock="contact", due_at=AT + timedelta(hours=4)),
        NoticeDeadline(clock="resolve", due_at=AT + timedelta(days=3)),
    ],
}


def test_whoever_takes_a_case_reads_in_detail_what_it_is_about_and_by_when() -> None:
    chosen = {"reasons": ("It took too long", "Not solved"), "effort": 4, "contact_wanted": True}
    assert dict(card(letter(**DETAIL, **chosen), AT).facts) == {
        "Take by": "13:00 (UTC)",
        "Contact by": "16:00 (UTC)",
        "Resolve by": "5 Mar 12:00 (UTC)",
        "Wants to be contacted": "yes",
        "Reasons chosen": "It took too long, Not solved",
        "Effort": "4 / 5",
        "Customer's language": "English",
        "Reference": "bill-4711",
        "Stage": "purchase",
        "Product": "Fibre 500",
        "Agent": "agent-7",
        "Here by rule": '1: response.touchpoint == "first-bill"',
    }
    theirs = dict(card(letter(language="zh", **DETAIL), AT).facts)
    assert (theirs["解决时限"], theirs["环节"]) == ("3月5日 12:00 (UTC)", "购买")
    assert theirs["客户语言"] == "英语"
    assert "Wants to be contacted" not in dict(card(letter(**DETAIL), AT).facts)
    assert "Take by" not in dict(card(letter(state="acknowledged", **DETAIL), AT).facts)


ALL = [
    letter(type=type, language=language, figures=FIGURES)
    for type in get_args(NoticeType)
    for language in ("en", "zh")
]


@pytest.mark.parametrize("said", ALL, ids=lambda said: f"{said.notice.type}-{said.team.language}")
def test_a_title_never_says_who_or_what_they_wrote(said: Letter) -> None:
    shown = card(said, AT)

    assert shown.title
    for text in (shown.title, shown.subject):
        assert "c1" not in text.replace("0b5ad1", "")
        assert "Never again" not in text
    assert "{" not in " ".join(shown.lead)


PRIVATE = "Ada-Lovelace-7"
SAID = {
    "comment": f"I am {PRIVATE}",
    "correlation": f"order of {PRIVATE}",
    "assignee": PRIVATE,
    "agent": PRIVATE,
    "product": PRIVATE,
    "about": PRIVATE,
    "because": f'1: response.customer_id == "{PRIVATE}"',
    "reasons": (PRIVATE,),
    "figures": FIGURES,
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("type", get_args(NoticeType))
def test_what_shows_on_a_lock_screen_names_nobody_on_any_channel(type: str, language: str) -> None:
    said = letter(type=type, language=language, **SAID)
    shown = card(said, AT)
    chat, pager = slack.message(shown), pagerduty.event(letter(PAGER, type=type, **SAID), AT, "k")
    alert = alertmanager.alert(letter(WATCH, type=type, language=language, **SAID), AT)
    teams_title = json.loads(teams.message(shown))["attachments"][0]["content"]["body"][0]
    mail = compose(said, AT, "tb@mail.test", "mail.test")

    open_to_all = [
        *(shown.title, shown.subject, mail["Subject"]),
        *(chat["text"], chat["blocks"][0], teams_title),
        *(
            pager.get("payload", {}).get("summary"),
            alert["labels"],
            alert["annotations"]["summary"],
        ),
    ]

    assert [each for each in open_to_all if PRIVATE in str(each)] == []
    assert not any(sign in mail["Subject"] for sign in "\r\n")


def test_both_languages_have_all_words() -> None:
    assert set(WORDS["en"]) == set(WORDS["zh"])
    assert set(get_args(NoticeType)) <= set(WORDS["en"])


def test_the_signature_is_that_of_the_standards_vector(shared_data: Path) -> None:
    file = shared_data / "conformance" / "standard_webhooks" / "vector.json"
    vector = json.loads(file.read_text())
    at = datetime.fromtimestamp(int(vector["webhook-timestamp"]), UTC)

    headers = signed(vector["secret"], vector["webhook-id"], at, vector["body"])

    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert headers[name] == vector[name]
