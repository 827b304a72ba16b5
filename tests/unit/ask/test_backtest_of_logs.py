"""Real logs backtested: what catalogs would have done with years of orders and tickets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.ask.backtest.figures import Run, change, plain, run
from services.ask.backtest.life import REACHABLE
from tests.support.orderlog import order_log
from tests.unit.ask.logs import a_catalog, heard, orders, tickets

NEVER = "9999"
AS_IT_WAS = a_catalog(
    """\
- touchpoint: delivered
  on: {signal: survey.sent}
  survey: delivery
""",
    'caps: {floor: 1s, person: 1s}\nhold_window: 0\nsend_window: {start: "00:00", end: "24:00"}\n',
)
"""Every survey that really went out, at the moment at which it did."""

DELIVERED = a_catalog(
    """\
- touchpoint: delivered
  on: {signal: order.delivered}
  delay: 1h
  survey: delivery
- touchpoint: promise-missed
  on: {signal: order.promise_missed}
  cancel_on: [order.delivered]
  act: notify
  notice:
    subject: {en: It is late}
    text: {en: We missed our promise.}
""",
    "time_zone: America/Sao_Paulo\n",
)
TICKETS = """\
- touchpoint: again
  on: {count: ticket.opened, at_least: 2, within: %s, by: correlation}
  act: case
"""


@pytest.fixture(scope="module")
def log(shared_data: Path) -> list[str]:
    return order_log(shared_data)


@pytest.fixture(scope="module")
def runs(log: list[str]) -> tuple[Run, Run]:
    input = heard(orders(log), AS_IT_WAS, DELIVERED)
    return run(AS_IT_WAS, input, REACHABLE), run(DELIVERED, input, REACHABLE)


def test_no_order_is_asked_about_before_it_was_delivered(
    log: list[str], runs: tuple[Run, Run]
) -> None:
    events = [json.loads(line) for line in log]
    delivered = {e["order_id"]: e["at"] for e in events if e["kind"] == "order.delivered"}
    sent = [(e["order_id"], e["at"]) for e in events if e["kind"] == "survey.sent"]
    too_early = [order for order, at in sent if order in delivered and at < delivered[order]]
    assert len(too_early) == 495, "as published"
    early = [
        {order for order in too_early if _asked(each, order) < delivered[order]} for each in runs
    ]
    # Who was sent two surveys in the same second is asked once.
    assert len(early[0]) > 480
    assert not early[1]


def test_a_missed_promise_is_told_while_the_parcel_is_still_out(
    log: list[str], runs: tuple[Run, Run]
) -> None:
    missed = sum(json.loads(line)["kind"] == "order.promise_missed" for line in log)
    assert missed == 3380
    assert runs[1].outcomes["promise-missed", "notify"] == missed


def test_every_low_score_is_accounted_for(runs: tuple[Run, Run]) -> None:
    answers = plain(runs[1])["touchpoints"]["delivered"]["answers"]
    assert (answers["given"], answers["low"]) == (8225, 3020)
    assert answers["low_asked"] + answers["low_asked_later"] + answers["low_missed"] == 3020
    before = plain(runs[0])["touchpoints"]["delivered"]["answers"]
    changed = change(*runs)["low_scores"]
    assert changed["lost"] - changed["gained"] == answers["low_missed"] - before["low_missed"]


def _asked(run: Run, order: str) -> str:
    moment = {about: at for (_, _, about), at in run.asks.items()}.get(order)
    return moment.replace(tzinfo=None).isoformat() if moment else NEVER


@pytest.mark.parametrize(("within", "repeats"), [("691199s", 1275), ("7d", 1165)])
def test_repeat_contacts_are_found_by_counting(
    shared_data: Path, within: str, repeats: int
) -> None:
    """1,275 as published, where 7 days end with the seventh; 1,165 to the second."""
    catalog = a_catalog(TICKETS % within)
    log = shared_data / "logs" / "helpdesk" / "helpdesk_events.csv"
    found = run(catalog, heard(tickets(log), catalog), None)
    assert found.outcomes == {("again", "case"): repeats}
