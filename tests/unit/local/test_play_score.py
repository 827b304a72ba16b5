"""How lines of a recording become records: bodies, envelopes, keys, and times that are shifted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.local.score import BadLine, Options, Score, rewritten

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def read(line: str, **options: object) -> object:
    return Score(Options(**{"topic": "shop.events", **options})).read(7, line.encode())  # type: ignore[arg-type]


def test_a_line_travels_byte_for_byte() -> None:
    played = Score(Options(topic="shop.events")).read(1, b'{"at":  "2018-01-01", "x": 1e2}\n')
    assert (played.topic, played.value) == ("shop.events", b'{"at":  "2018-01-01", "x": 1e2}')
    assert (played.key, played.headers, played.at) == (None, (), None)


def test_the_key_is_a_field_of_the_body() -> None:
    line = b'{"customer": "c-1", "n": 12}'
    assert Score(Options("t", key_field="customer")).read(1, line).key == b"c-1"
    assert Score(Options("t", key_field="n")).read(1, line).key == b"12"


def test_an_envelope_says_topic_key_and_headers_itself() -> None:
    line = {"topic": "crm", "key": "k", "headers": {"x-topic": "a/b"}, "body": {"a": "é"}}
    played = Score(Options(None, envelope=True)).read(1, json.dumps(line).encode())
    assert (played.topic, played.key, played.value) == ("crm", b"k", '{"a": "é"}'.encode())
    assert played.headers == (("x-topic", b"a/b"),)


def test_an_envelope_without_a_topic_goes_onto_the_given_one() -> None:
    played = Score(Options("given", envelope=True)).read(1, b'{"body": {}}')
    assert played.topic == "given"


NO_TIME = 'line 7: no ISO time in "at"; --time-field names the field that has it'


@pytest.mark.parametrize(
    ("line", "options", "says"),
    [
        pytest.param("{oops", {}, "line 7: not a JSON object: {oops", id="not JSON"),
        pytest.param("[1]", {}, "line 7: not a JSON object: [1]", id="a list"),
        pytest.param(
            "{}",
            {"key_field": "id"},
            'line 7: no text or number in "id" to be the key',
            id="no key",
        ),
        pytest.param("{}", {"speed": 2.0}, NO_TIME, id="no time"),
        pytest.param('{"at": 5}', {"rebase": NOW}, NO_TIME, id="a number"),
        pytest.param(
            '{"body": {}}',
            {"topic": None, "envelope": True},
            'line 7: no "topic", and no --topic for lines without one',
            id="no topic",
        ),
        pytest.param(
            '{"key": 5, "body": {}}',
            {"envelope": True},
            'line 7: should be {"topic", "key", "headers", "body"}',
            id="a key that is no text",
        ),
    ],
)
def test_a_bad_line_says_its_number_and_what_is_wrong(
    line: str, options: dict[str, object], says: str
) -> None:
    with pytest.raises(BadLine) as raised:
        read(line, **options)
    assert str(raised.value) == says


def test_rebasing_makes_the_first_line_now_and_keeps_the_gaps() -> None:
    score = Score(Options("t", rebase=NOW))
    lines = [b'{"at": "2018-01-01T00:00:00"}', b'{"at": "2018-01-01T01:30:00"}']
    bodies = [json.loads(score.read(n, line).value) for n, line in enumerate(lines, 1)]
    assert [body["at"] for body in bodies] == ["2026-05-04T12:00:00", "2026-05-04T13:30:00"]


def test_rebased_lines_played_faster_happen_when_they_are_played() -> None:
    score = Score(Options("t", rebase=NOW, speed=60))
    lines = [b'{"at": "2018-01-01T00:00:00"}', b'{"at": "2018-01-01T01:30:00"}']
    played = [score.read(n, line) for n, line in enumerate(lines, 1)]
    bodies = [json.loads(each.value) for each in played]
    assert [body["at"] for body in bodies] == ["2026-05-04T12:00:00", "2026-05-04T12:01:30"]
    assert [each.at for each in played] == [
        datetime(2018, 1, 1, 0, 0, tzinfo=UTC),
        datetime(2018, 1, 1, 1, 30, tzinfo=UTC),
    ], "the pace divides their distance"


def test_a_time_shifted_out_of_the_calendar_is_a_bad_line() -> None:
    score = Score(Options("t", rebase=NOW))
    score.read(1, b'{"at": "2018-01-01T00:00:00Z"}')
    with pytest.raises(BadLine, match='line 2: "at" is too far away'):
        score.read(2, b'{"at": "9999-12-31T00:00:00Z"}')


@pytest.mark.parametrize(
    ("text", "shifted"),
    [
        pytest.param("2018-01-01T00:00:00", "2018-01-02T00:00:00", id="no zone"),
        pytest.param("2018-01-01 00:00:00", "2018-01-02 00:00:00", id="a space between"),
        pytest.param("2018-01-01T00:00:00Z", "2018-01-02T00:00:00Z", id="Z"),
        pytest.param("2018-01-01T00:00:00+00:00", "2018-01-02T00:00:00+00:00", id="offset zero"),
        pytest.param("2018-01-01T00:00:00-03:00", "2018-01-02T00:00:00-03:00", id="an offset"),
        pytest.param("2018-01-01T00:00:00.120Z", "2018-01-02T00:00:00.120Z", id="milliseconds"),
        pytest.param("2018-01-01T00:00:00.123456", "2018-01-02T00:00:00.123456", id="microseconds"),
    ],
)
def test_a_shifted_time_keeps_the_form_of_the_original(text: str, shifted: str) -> None:
    assert rewritten(text, timedelta(days=1)) == shifted


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_whatever_a_line_holds_it_is_played_or_named(line: bytes) -> None:
    for options in (Options("t", envelope=True), Options("t", key_field="a", rebase=NOW)):
        assert outcome(options, line).startswith(("played", "line 3: "))


def outcome(options: Options, line: bytes) -> str:
    try:
        Score(options).read(3, line)
    except BadLine as error:
        return str(error)
    return "played"
