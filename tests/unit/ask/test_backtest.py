"""A backtest decides as life would have: the same rules, on a clock that only the input moves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from services.ask.__main__ import app
from services.ask.backtest.figures import Run, change, percentile, plain, run
from services.ask.backtest.life import REACHABLE
from services.ask.backtest.said import Said, from_line
from services.ask.decide.turns import Verdict
from services.ask.model import Contact
from shared.catalog.catalog import Catalog
from shared.errors import UnreadableMessage
from tests.support.catalogs import catalog_files, write_catalog
from tests.support.clock import START
from tests.unit.ask.moments import FILES, NAMES, a_catalog, hours

EVERYTHING = frozenset(NAMES)


def an_event(
    event: str, name: str = "order.delivered", at: float = 0, **more: Any
) -> dict[str, Any]:
    """A signal so many hours after the start."""
    return {
        "signal": name,
        "source": "shop",
        "source_event_id": event,
        "customer_id": "c1",
        "occurred_at": (START + hours(at)).isoformat(),
        **more,
    }


def an_answer(answer: str, score: int, at: float, **more: Any) -> dict[str, Any]:
    """An answer of another tool."""
    moment = (START + hours(at)).isoformat()
    about = {"source": "tool", "touchpoint": "delivered", "customer_id": "c1"}
    return {"answer_id": answer, "score": score, "answered_at": moment, **about, **more}


def heard(lines: Iterable[Mapping[str, Any]]) -> list[Said]:
    """What is read of these lines, in order of time."""
    read = (from_line(json.dumps(line).encode(), EVERYTHING) for line in lines)
    return sorted((said for said in read if said), key=lambda said: said.at)


def lived(
    lines: Iterable[Mapping[str, Any]], catalog: Catalog, card: Contact | None = REACHABLE
) -> tuple[Run, list[tuple[Verdict, datetime]]]:
    """A run, and each decision with its moment."""
    decided: list[tuple[Verdict, datetime]] = []
    found = run(
        catalog, heard(lines), card, also=lambda verdict, now: decided.append((verdict, now))
    )
    return found, decided


def at(touchpoints: str, policy: str = FILES["policy.yaml"]) -> Catalog:
    """A catalog with these touchpoints."""
    return a_catalog({"touchpoints.yaml": touchpoints, "policy.yaml": policy})


DELAYED = (
    "- touchpoint: delivered\n  on: {signal: order.delivered}\n  delay: 2h\n  survey: delivery\n"
)


def test_a_delay_and_a_hold_window_pass_on_the_clock_of_the_input() -> None:
    catalog = at(DELAYED, 'hold_window: 15m\nsend_window: {start: "00:00", end: "24:00"}\n')
    _, decided = lived([an_event("e1"), an_event("e2", "order.lost", at=30)], catalog)
    assert [now - START for _, now in decided] == [hours(2.25)]


def test_what_still_waits_when_the_input_ends_is_decided() -> None:
    found, decided = lived([an_event("e1")], at(DELAYED))
    assert found.outcomes == {("delivered", "ask"): 1}
    assert decided[0][1] == START + hours(2)


def test_an_ask_waits_for_the_send_window_of_the_customer() -> None:
    catalog = at(DELAYED, "hold_window: 0\ntime_zone: Asia/Tokyo\n")
    _, decided = lived([an_event("e1")], catalog)
    assert [now.astimezone(ZoneInfo("Asia/Tokyo")).hour for _, now in decided] == [9]


def test_sends_are_accepted_at_once_so_that_caps_count_them() -> None:
    events = [an_event(f"e{day}", at=24 * day) for day in (0, 29, 31)]
    found, _ = lived(events, a_catalog())
    assert found.outcomes["delivered", "ask"] == 2
    assert found.silences == {("delivered", "cap_person"): 1}


def test_an_event_heard_twice_is_decided_once() -> None:
    found, _ = lived([an_event("e1"), an_event("e1")], a_catalog())
    assert found.outcomes == {("delivered", "ask"): 1}


def test_the_order_of_the_lines_makes_no_difference() -> None:
    events = [an_event("e1"), an_event("e2", "order.returned", at=1), an_event("e3", at=999)]
    there, back = lived(events, a_catalog())[0], lived(events[::-1], a_catalog())[0]
    assert plain(there) == plain(back)


SILENCE = """\
- touchpoint: silence
  on: {absence: [response], after: order.late, within: 2d}
  act: case
"""


def test_an_answer_in_the_input_ends_a_silence() -> None:
    events = [an_event("e1", "order.late"), an_event("e2", "order.late", customer_id="c2")]
    later = an_event("e3", "order.late", at=999)
    found, _ = lived([*events, an_answer("a1", 5, at=3), later], at(SILENCE))
    assert found.silences == {("silence", "not_eligible"): 1}
    assert (found.outcomes["silence", "case"], found.unknown) == (1, {"silence": 1})


def test_nobody_knows_what_came_after_the_end_of_the_input() -> None:
    found, _ = lived([an_event("e1", "order.late")], at(SILENCE))
    assert (found.outcomes, found.unknown) == ({}, {"silence": 1})


def test_a_rhythm_comes_to_each_customer_once_a_period() -> None:
    rhythm = "- touchpoint: nps\n  on: {every: 30d}\n  survey: delivery\n"
    both = rhythm + DELAYED
    policy = FILES["policy.yaml"] + "caps: {floor: 1d, person: 1d, answered: 1d}\n"
    events = [an_event(f"e{n}", at=24 * 10 * n + 1) for n in range(31)]
    found, decided = lived(events, at(both, policy))
    moments = [now for verdict, now in decided if verdict.candidate.touchpoint == "nps"]
    assert len(moments) == 10
    assert {after - before for before, after in zip(moments, moments[1:], strict=False)} == {
        timedelta(days=30)
    }


def test_only_cards_of_the_input_count_where_it_holds_any() -> None:
    profile = {"customer_id": "c1", "source": "crm", "updated_at": START.isoformat(), "email": "x"}
    other = an_event("e2", customer_id="c2")
    found, _ = lived([profile, an_event("e1"), other], a_catalog(), card=None)
    assert found.outcomes["delivered", "ask"] == 1
    assert found.silences == {("delivered", "no_address"): 1}


def test_who_opted_out_is_not_asked() -> None:
    said = {"customer_id": "c1", "at": START.isoformat()}
    line = {"headers": {"ce_type": "touchback.opt-out.recorded.v1"}, "body": said}
    found, _ = lived([line, an_event("e1", at=1)], a_catalog())
    assert found.silences == {("delivered", "opted_out"): 1}


def test_an_open_case_keeps_questions_away_until_it_is_closed() -> None:
    def case(version: int, state: str, at: float) -> dict[str, Any]:
        body = {**_CASE, "version": version, "state": state, "at": (START + hours(at)).isoformat()}
        return {"headers": {"ce_type": "touchback.case.opened.v1"}, "body": body}

    events = [an_event("e1", at=1), an_event("e2", at=3)]
    found, _ = lived([case(1, "assigned", 0), *events, case(2, "closed", 2)], a_catalog())
    assert found.silences == {("delivered", "open_case"): 1}
    assert found.outcomes["delivered", "ask"] == 1


_CASE: Mapping[str, Any] = {
    "case_id": "k1",
    "actor": "route",
    "reason": "low score",
    "opened_at": START.isoformat(),
    "catalog_version": "v",
    "touchpoint": "delivered",
    "survey": "delivery",
    "customer_id": "c1",
    "team": "care",
    "priority": "normal",
    "received_at": START.isoformat(),
    "score": {
        "response_id": "r1",
        "metric": "csat",
        "survey": "delivery",
        "score": 1,
        "band": "low",
        "channel": "email",
        "received_at": START.isoformat(),
    },
}


def test_low_scores_are_told_by_whether_their_customer_would_have_been_asked() -> None:
    events = [
        an_event("e1", correlation="o1"),
        an_answer("a1", 1, at=5, correlation="o1"),
        an_answer("a2", 2, at=5, correlation="o2"),
        an_answer("a3", 1, at=-1, correlation="o1"),
        an_answer("a4", 5, at=5, correlation="o3"),
    ]
    found, _ = lived(events, a_catalog())
    assert plain(found)["touchpoints"]["delivered"]["answers"] == {
        "given": 4,
        "low": 3,
        "low_asked": 1,
        "low_asked_later": 1,
        "low_missed": 1,
        "low_missed_but_looked_after": 0,
    }


def test_a_change_says_what_is_gained_lost_and_moved() -> None:
    events = [an_event("e1"), an_event("e2", "order.returned", customer_id="c2")]
    without = (
        FILES["touchpoints.yaml"]
        .replace("delay: 1h", "delay: 3h")
        .replace("on: {signal: order.delivered}", "on: {signal: order.delivered, when: 'false'}")
    )
    runs = [lived(events, each)[0] for each in (a_catalog(), at(without))]
    changed = change(*runs)["touchpoints"]
    assert changed["delivered"] == {"gained": 0, "lost": 1, "earlier": 0, "later": 0}
    assert changed["returned"] == {"gained": 0, "lost": 0, "earlier": 0, "later": 1}


@pytest.mark.parametrize(
    ("ordered", "share", "expected"),
    [([], 50, 0), ([1], 99, 1), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), (list(range(1, 101)), 99, 99)],
)
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(
    ordered: Sequence[int], share: int, expected: int
) -> None:
    assert percentile(ordered, share) == expected


# --- lines -------------------------------------------------------------------------------------


def test_what_listen_try_prints_is_read() -> None:
    line = {"place": "a:1", "source": "shop", "outcome": "signal", "message": an_event("e1")}
    said = from_line(json.dumps(line).encode(), EVERYTHING)
    assert said is not None
    assert said.signal is not None
    assert said.signal.source_event_id == "e1"


@pytest.mark.parametrize(
    "line",
    [
        an_event("e1", "order.unheard"),
        {"place": "a:1", "source": "shop", "outcome": "skipped", "reason": "tombstone"},
        {"place": "a:1", "source": "shop", "outcome": "unused", "message": an_event("e", "other")},
    ],
)
def test_what_nothing_depends_on_is_passed_over(line: Mapping[str, Any]) -> None:
    assert from_line(json.dumps(line).encode(), EVERYTHING) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"a": 1}', "should be a signal"),
        (b'{"case_id": "k"}', "a case without its type"),
        (b'{"signal": "order.late"}', "touchback.signal.v1: source: Field required"),
        (
            b'{"signal": ["order.late"]}',
            "touchback.signal.v1: signal: Input should be a valid string",
        ),
        (b'{"headers": {"ce_type": "x.v1"}, "body": {}}', "x.v1 is no type of message here"),
        (b'{"place": "a", "outcome": "signal", "message": 7}', "not a JSON object"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(line: bytes, message: str) -> None:
    with pytest.raises(UnreadableMessage, match=message):
        from_line(line, EVERYTHING)


# --- commands ----------------------------------------------------------------------------------


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "catalog", catalog_files(FILES))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    lines = [an_event(f"e{n}", at=n, customer_id=f"c{n % 3}") for n in range(20)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return file


def invoke(*words: object) -> Any:
    """Run the command of `ask`."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_same_input_and_catalog_give_the_same_bytes(
    catalog: Path, events: Path, tmp_path: Path
) -> None:
    pages = [tmp_path / f"{n}.html" for n in range(2)]
    words = ("backtest", "--catalog", catalog, "--against", catalog, "--events", events)
    first, second = (invoke(*words, "--json", "--html", page) for page in pages)
    assert (first.exit_code, first.stdout) == (0, second.stdout)
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert json.loads(first.stdout)["new"]["touchpoints"]["delivered"]["ask"] == 3


def test_the_page_loads_nothing(catalog: Path, events: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    invoke("backtest", "--catalog", catalog, "--events", events, "--html", page)
    html = page.read_text("utf-8")
    assert "<svg" in html
    assert not [
        word for word in ("http://", "https://", "<script", "url(", "<link") if word in html
    ]


def test_it_tells_people_what_it_found(catalog: Path, events: Path) -> None:
    told = invoke("backtest", "--catalog", catalog, "--against", catalog, "--events", events).stdout
    assert ["delivered", "3", "0", "0", "17", "cap_person", "17"] in [
        line.split() for line in told.splitlines()
    ]
    assert "everybody is taken to be reachable" in told
    assert "0 missed no more, 0 newly missed" in told


def test_refused_lines_are_named_and_exit_with_1(catalog: Path, events: Path) -> None:
    events.write_text(events.read_text("utf-8") + "\nnonsense\n", "utf-8")
    result = invoke("backtest", "--catalog", catalog, "--events", events, "--json")
    assert result.exit_code == 1
    assert f"{events}, line 22: not JSON" in result.stderr
    assert json.loads(result.stdout)["input"]["refused"] == 1


def test_what_is_missing_or_broken_exits_with_2(
    catalog: Path, events: Path, tmp_path: Path
) -> None:
    nothing = invoke("backtest", "--catalog", catalog, "--events", tmp_path / "none")
    assert (nothing.exit_code, "cannot read it" in nothing.stderr) == (2, True)
    (catalog / "touchpoints.yaml").write_text("- nonsense: 1\n", "utf-8")
    broken = invoke("backtest", "--catalog", catalog, "--events", events)
    assert (broken.exit_code, "touchpoints.yaml:1" in broken.stderr) == (2, True)


def test_every_decision_can_be_had_as_a_line(catalog: Path, events: Path, tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    invoke("backtest", "--catalog", catalog, "--events", events, "--decisions", file)
    outcomes = [json.loads(line)["outcome"] for line in file.read_text("utf-8").splitlines()]
    assert (outcomes.count("ask"), outcomes.count("silent")) == (3, 17)


def test_simulating_tells_each_decision_with_its_rules(catalog: Path, events: Path) -> None:
    told = invoke("simulate", "--catalog", catalog, "--events", events).stdout
    assert "delivered: ask" in told
    assert "stopped  cap_floor" in told


def test_simulating_what_matches_nothing_says_so(catalog: Path, tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    file.write_text(json.dumps(an_event("e1", "order.unheard")), "utf-8")
    assert "No decision" in invoke("simulate", "--catalog", catalog, "--events", file).stdout
