"""Dead letters as operators see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from services.listen.letterbox import commands
from services.listen.letters import Letter, Wanted, letter
from shared.records import Record

ERROR = {
    "topic": b"ordering.events",
    "partition": b"2",
    "offset": b"17",
    "service": b"listen",
    "class": b"UnreadableMessage",
    "message": "source shop: né".encode(),
    "at": b"2026-03-02T08:00:00+00:00",
}


def found(partition: int = 1, offset: int = 4, **more: Any) -> Letter:
    errors = [(f"x-error-{name}", value) for name, value in {**ERROR, **more}.items()]
    headers = (("x-topic", b"orders"), ("bin", b"\xff"), ("none", None), *errors)
    return letter(Record("touchback.dead-letters", partition, offset, 0, b"k", b"\xfe", headers))


def test_a_letter_says_where_the_original_stood_and_why_it_was_refused() -> None:
    one = found(**{"class": None})
    assert (one.id, one.position) == ("1/4", "ordering.events/2/17")
    assert one.about["message"] == "source shop: né"
    assert one.about["class"] == ""


def test_the_original_is_apart_from_what_was_said_about_it() -> None:
    one = found()
    assert (one.key, one.value) == (b"k", b"\xfe")
    assert one.headers == (("x-topic", b"orders"), ("bin", b"\xff"), ("none", None))
    plain = one.plain()
    assert plain["headers"] == [["x-topic", "orders"], ["bin", {"base64": "/w=="}], ["none", None]]
    assert plain["value"] == {"base64": "/g=="}


def test_copies_of_a_letter_are_one_and_a_second_refusal_is_another() -> None:
    assert found(0, 1).identity == found(2, 9).identity
    assert found().identity != found(offset_=b"", at=b"2026-03-02T09:00:00+00:00").identity
    assert found().identity != found(service=b"ask").identity


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        pytest.param(Wanted(), True, id="all"),
        pytest.param(Wanted(ids=frozenset({"1/4"})), True, id="its id"),
        pytest.param(Wanted(ids=frozenset({"1/5"})), False, id="another id"),
        pytest.param(Wanted(reason="SHOP"), True, id="a part of the message"),
        pytest.param(Wanted(reason="unreadable"), True, id="a part of the class"),
        pytest.param(Wanted(reason="crm"), False, id="another reason"),
        pytest.param(Wanted(service="ask"), False, id="another service"),
        pytest.param(Wanted(topic="ordering.events"), True, id="its topic"),
        pytest.param(Wanted(since=datetime(2026, 3, 2, 8, tzinfo=UTC)), True, id="from then on"),
        pytest.param(Wanted(until=datetime(2026, 3, 2, 8, tzinfo=UTC)), False, id="before then"),
    ],
)
def test_letters_are_chosen_by_id_time_and_reason(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(found()) is taken


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay"], "say which: ids, --since"),
        (["replay", "0/1", "--all"], "say which: ids, --since"),
        (["show", "seventeen"], "'seventeen' is not the id of a letter"),
        (["list", "--since", "yesterday"], "'yesterday' is not a time, write 2026-03-02T08"),
    ],
)
def test_a_misused_command_says_what_would_be_right(words: list[str], said: str) -> None:
    environment = {
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
        "TOUCHBACK_POSTGRES_DSN": "postgresql://u@localhost/d",
        "TOUCHBACK_CATALOG": "deploy/catalog",
        "TOUCHBACK_PII_KEYS": "k" * 32,
    }
    result = CliRunner().invoke(commands(environment), words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output
