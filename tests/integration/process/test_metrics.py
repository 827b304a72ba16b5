"""What six services export at the largest catalog, and how they say it."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from shared.clock import SystemClock
from shared.labels import MOST
from shared.runtime import Runtime
from tests.support.databases import Databases
from tests.support.largest import largest
from tests.support.stack import SERVICES, migrate_all, settings_of, some_ports

pytestmark = pytest.mark.asyncio(loop_scope="module")
BUDGET = 25_000
"""Series that one replica of each service may come to, all in all."""

ANSWERS = 3
"""Different answers that each route may be taken to give, at most."""

OF_THE_CATALOG = "team priority touchpoint source survey channel reason topic group route"
CLOSED_LISTS = "band decision visitor outcome method code state le version revision"
ALLOWED = {*OF_THE_CATALOG.split(), *CLOSED_LISTS.split()}
REVISION = "5d14364"
NAMES_TO_AVOID = {"severity", "customer", "case", "user", "type", "stage", "service", "owner"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return largest(tmp_path_factory.mktemp("largest") / "catalog")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(databases: Databases, catalog: Path) -> AsyncIterator[Mapping[str, Runtime]]:
    """All six, with a database and without Kafka; none of them runs."""
    async with databases.one() as dsn:
        await migrate_all(dsn)
        built = {name: build(name, dsn, catalog) for name in SERVICES}
        for runtime in built.values():
            await runtime.database.open()
        yield built
        for runtime in built.values():
            await runtime.database.close()


def build(name: str, dsn: str, catalog: Path) -> Runtime:
    environment = settings_of(bootstrap="127.0.0.1:1", dsn=dsn, catalog=catalog, ports=some_ports())
    environment["TOUCHBACK_REVISION"] = REVISION
    settings = importlib.import_module(f"services.{name}.settings").Settings.load(environment)
    runtime = importlib.import_module(f"services.{name}.app").build(settings, SystemClock())
    assert isinstance(runtime, Runtime)
    return runtime


async def shown(runtime: Runtime, accept: str = "text/plain") -> str:
    transport = httpx.ASGITransport(app=runtime.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return (await client.get("/metrics", headers={"Accept": accept})).text


async def test_all_series_of_the_largest_catalog_stay_within_the_budget(
    services: Mapping[str, Runtime],
) -> None:
    series: Counter[str] = Counter()
    for name, runtime in services.items():
        text = await shown(runtime)
        families = list(text_string_to_metric_families(text))
        series[name] = sum(len(family.samples) for family in families)
        routes = len(runtime.application().routes)
        series[f"{name}, requests"] = routes * ANSWERS * 14
        oldest = MOST["team"] * 3 if name == "close" else 0
        series[f"{name}, what only shows while something waits"] = oldest + 2 * MOST["topic"]
    print("\n" + "\n".join(f"{count:6,} {name}" for name, count in series.most_common()))
    print(f"{series.total():6,} in all, of {BUDGET:,}")
    assert series.total() <= BUDGET


async def test_every_metric_is_explained_and_has_labels_of_closed_lists_only(
    services: Mapping[str, Runtime],
) -> None:
    for name, runtime in services.items():
        for family in text_string_to_metric_families(await shown(runtime)):
            assert family.documentation, f"{name}: {family.name} has no help text"
            labels = {label for sample in family.samples for label in sample.labels}
            assert labels <= ALLOWED, f"{name}: {family.name}"
            assert not labels & NAMES_TO_AVOID, f"{name}: {family.name}"
            if family.name.startswith("touchback_"):
                assert_named_by_its_unit(family.name, family.type)


def assert_named_by_its_unit(name: str, type: str) -> None:
    if type in ("histogram", "gaugehistogram"):
        assert name.endswith("_seconds"), name
    if type == "gauge" and "timestamp" in name:
        assert name.endswith("_timestamp_seconds"), name
    assert not re.search(r"_(created|total)$", name) or type == "counter", name


async def test_each_service_says_which_release_runs(services: Mapping[str, Runtime]) -> None:
    labels = f'revision="{REVISION}",version="{version("touchback")}"'
    for name, runtime in services.items():
        assert f"touchback_build_info{{{labels}}} 1.0" in await shown(runtime), name


async def test_nothing_exports_when_it_was_made(services: Mapping[str, Runtime]) -> None:
    for name, runtime in services.items():
        assert "_created" not in await shown(runtime), name


async def test_openmetrics_is_spoken_where_it_is_asked_for(
    services: Mapping[str, Runtime],
) -> None:
    for runtime in services.values():
        await shown(runtime)  # so that a request was measured
        text = await shown(runtime, "application/openmetrics-text; version=1.0.0")
        families = {family.name: family for family in openmetrics(text)}
        samples = families["touchback_http_request_duration_seconds"].samples
        examples = [sample.exemplar for sample in samples if sample.exemplar]
        assert examples
        assert all(re.fullmatch("[0-9a-f]{32}", each.labels["trace_id"]) for each in examples)


async def test_each_service_says_what_the_design_promises(
    services: Mapping[str, Runtime],
) -> None:
    said = {
        family.name
        for runtime in services.values()
        for family in text_string_to_metric_families(await shown(runtime))
    }
    assert {f"touchback_{name}" for name in PROMISED} - said == set()


CLOCKS = ("route", "acknowledge", "contact", "resolve")
PROMISED = (
    *(f"case_{clock}_deadlines" for clock in CLOCKS),
    *(f"case_{clock}_deadlines_breached" for clock in CLOCKS),
    *(f"case_time_to_{clock}_seconds" for clock in (*CLOCKS, "close")),
    *["cases_open", "cases_due_soon", "cases_overdue", "case_oldest_open_timestamp_seconds"],
    *["cases_open_age_seconds", "signals", "decisions", "silences", "invitations"],
    *["invitation_failures", "invitations_expired", "responses", "cases_opened", "cases_reopened"],
    *["case_transfers", "recovery_answers", "events_consumed", "events_duplicate", "dead_letters"],
    *["event_decision_delay_seconds", "event_processing_seconds", "consumer_lag_messages"],
    *["consumer_oldest_pending_timestamp_seconds", "outbox_oldest_pending_timestamp_seconds"],
    *["oldest_due_timer_timestamp_seconds", "alert_attempts", "alert_failures", "rule_errors"],
    *["alert_attempt_seconds", "cases_unroutable", "catalog_reload_failed", "build_info"],
    *["http_request_duration_seconds", "db_pool_connections", "db_pool_wait_seconds"],
    *["event_loop_lag_seconds", "collector_last_success_timestamp_seconds"],
    *["decision_deadlines", "decision_deadlines_breached", "decisions_overdue"],
    *["cases_audited_timestamp_seconds"],
)
