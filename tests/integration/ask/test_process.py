"""The service as its operators meet it: put together, scraped, and explaining itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from services.ask.__main__ import app
from services.ask.app import MIGRATIONS, build
from services.ask.settings import Settings
from shared import db, migrate
from tests.integration.ask.test_deciding import hear
from tests.support.catalogs import catalog_files, write_catalog
from tests.support.clock import START, ManualClock
from tests.unit.ask.moments import FILES, a_profile, a_signal, hours


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TOUCHBACK_POSTGRES_DSN": database,
        "TOUCHBACK_CATALOG": str(write_catalog(tmp_path, catalog_files(FILES))),
        "TOUCHBACK_SMTP_URL": "smtp://127.0.0.1:1",
        "TOUCHBACK_LINK_KEYS": "k" * 32,
        "TOUCHBACK_PII_KEYS": "p" * 32,
    }


@pytest.fixture
async def asked(database: str) -> None:
    """Two decisions about one customer."""
    await migrate.apply(database, "ask", MIGRATIONS)
    pool = db.Database(database, "ask")
    await pool.open()
    await hear(pool, a_profile("token"), a_signal("e1"), a_signal("e2"))
    await pool.close()


def explained(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of `touchback ask explain`."""
    result = CliRunner().invoke(app, ["explain", *arguments], env={**environment, "COLUMNS": "300"})
    return result.exit_code, result.output


@pytest.mark.usefixtures("asked")
def test_explain_says_what_stopped_an_ask(environment: dict[str, str]) -> None:
    alone = {"TOUCHBACK_POSTGRES_DSN": environment["TOUCHBACK_POSTGRES_DSN"]}
    code, said = explained(alone, "--customer", "c1")
    assert code == 0
    for word in ("outranked", "goes_first=delivered", "e1", "e2", "not run", "catalog "):
        assert word in said


@pytest.mark.usefixtures("asked")
async def test_asks_that_nobody_knows_of_are_listed(
    database: str, environment: dict[str, str]
) -> None:
    alone = {"TOUCHBACK_POSTGRES_DSN": environment["TOUCHBACK_POSTGRES_DSN"]}

    def listed(*arguments: str) -> list[str]:
        result = CliRunner().invoke(app, ["unknown", *arguments], env=alone)
        assert result.exit_code == 0
        return result.output.splitlines()

    assert await asyncio.to_thread(listed) == ["Of every ask it is known what became of it."]
    pool = db.Database(database, "ask")
    await pool.open()
    async with pool.connection() as connection:
        await connection.execute("update invitations set state = 'unknown', sending_at = $1", START)
    await pool.close()
    (line,) = await asyncio.to_thread(listed)
    assert line.startswith("2026-03-02 12:00:00+0000 ")
    assert line.endswith("(customer c1, delivered, email)")
    (plain,) = await asyncio.to_thread(listed, "--json")
    assert (json.loads(plain)["touchpoint"], json.loads(plain)["reminder"]) == ("delivered", False)


@pytest.mark.usefixtures("asked")
async def test_explain_says_when_a_capped_customer_may_be_asked_next(
    database: str, environment: dict[str, str]
) -> None:
    pool = db.Database(database, "ask")
    await pool.open()
    async with pool.connection() as connection:
        await connection.execute("update invitations set state = 'sent', sent_at = $1", START)
    await hear(pool, a_signal("e3"), now=START + hours(25))
    await pool.close()
    said = await asyncio.to_thread(explained, environment, "--customer", "c1")
    lines = said[1].partition("\n\n")[0].splitlines()
    assert "delivered: silent, cap_person" in lines[0]
    assert "may be asked again from 2026-04-01 12:00:00+00:00 on" in said[1]
    verdicts = {line.split()[1]: line.split()[0] for line in lines if line.startswith("  ")}
    assert verdicts["cap_floor"] == "passed"
    assert verdicts["cap_person"] == "stopped"
    assert "  not run  send_window" in lines


@pytest.mark.parametrize("option", ["--customer", "--signal"])
def test_explain_refuses_what_no_name_can_hold(environment: dict[str, str], option: str) -> None:
    code, said = explained(environment, "--customer", "c1", option, "a\x00b")
    assert (code, said.count("\n")) == (2, 1)
    assert "U+0000" in said


@pytest.mark.usefixtures("asked")
def test_explain_gives_lines_that_a_program_can_read(environment: dict[str, str]) -> None:
    code, said = explained(environment, "--customer", "c1", "--json")
    found = {
        line["source_event_id"]: line["outcome"] for line in map(json.loads, said.splitlines())
    }
    assert (code, found) == (0, {"e1": "ask", "e2": "silent"})


@pytest.mark.usefixtures("asked")
def test_explain_says_when_there_is_nothing_to_explain(environment: dict[str, str]) -> None:
    code, said = explained(environment, "--customer", "nobody")
    assert (code, said.count("\n")) == (0, 1)
    code, said = explained(environment, "--customer", "c1", "--signal", "order.late")
    assert "No decision" in said


async def test_explain_says_what_waits_and_until_when(database: str) -> None:
    await migrate.apply(database, "ask", MIGRATIONS)
    pool = db.Database(database, "ask")
    await pool.open()
    await hear(pool, a_profile("token"), a_signal("e1", name="order.returned"))
    await pool.close()
    alone = {"TOUCHBACK_POSTGRES_DSN": database}
    code, said = await asyncio.to_thread(explained, alone, "--customer", "c1")
    assert code == 0
    assert "returned: not decided yet, it waits until 2026-03-02 13:00:00+0000" in said
    assert "shop/e1" in said
    _, said = await asyncio.to_thread(explained, alone, "--customer", "c1", "--json")
    line = json.loads(said)
    assert (line["outcome"], line["due_at"]) == ("waiting", "2026-03-02T13:00:00+00:00")
    others = ("--customer", "c1", "--signal", "order.late")
    assert "No decision" in (await asyncio.to_thread(explained, alone, *others))[1]


def test_a_database_that_is_away_is_one_line_and_exit_2(environment: dict[str, str]) -> None:
    away = {**environment, "TOUCHBACK_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/none"}
    code, said = explained(away, "--customer", "c1")
    assert (code, said.count("\n")) == (2, 1)
    assert "PostgreSQL is away" in said


@pytest.mark.usefixtures("asked")
async def test_the_metrics_show_what_was_decided_and_zeros_for_the_rest(
    environment: dict[str, str],
) -> None:
    runtime = build(Settings.load(environment), ManualClock(START))
    await runtime.database.open()
    transport = httpx.ASGITransport(runtime.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://ask") as client:
        text = (await client.get("/metrics")).text
    await runtime.database.close()
    lines = set(text.splitlines())
    for line in (
        'touchback_event_decision_delay_seconds_count{source="shop"} 0.0',
        'touchback_rule_errors_total{touchpoint="ladder"} 0.0',
        'touchback_decisions_total{decision="ask",touchpoint="delivered"} 1.0',
        'touchback_silences_total{reason="outranked",touchpoint="delivered"} 1.0',
        'touchback_silences_total{reason="stale_event",touchpoint="late"} 0.0',
        'touchback_invitation_failures_total{channel="email",reason="unknown"} 0.0',
        "touchback_catalog_reload_failed 0.0",
    ):
        assert line in lines


@pytest.mark.usefixtures("asked")
def test_erase_leaves_nothing_to_explain_about_a_customer(environment: dict[str, str]) -> None:
    result = CliRunner().invoke(app, ["erase", "c1"], env=environment)
    assert (result.exit_code, result.output.count("\n")) == (0, 1)
    code, said = explained(environment, "--customer", "c1")
    assert (code, "No decision" in said) == (0, True)
