"""The composition of `listen`: what it reads, and what a changed catalog changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from services.listen.app import Current, build
from services.listen.settings import Settings
from shared.catalog.watch import CatalogHolder
from shared.errors import InvalidSettings
from tests.support.clock import ManualClock

OLIST = Path(__file__).parents[2] / "catalogs" / "olist"
ENVIRONMENT = {
    "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
    "TOUCHBACK_POSTGRES_DSN": "postgresql://u@localhost/d",
    "TOUCHBACK_CATALOG": str(OLIST),
    "TOUCHBACK_PII_KEYS": "k" * 32,
}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLIST, tmp_path / "catalog"))


def rewrite(catalog: Path, old: str, new: str) -> None:
    sources = catalog / "sources.yaml"
    sources.write_text(sources.read_text("utf-8").replace(old, new), "utf-8")


def test_the_source_topics_of_the_catalog_are_made_and_read() -> None:
    runtime = build(Settings.load(ENVIRONMENT), ManualClock())
    assert runtime.source_topics == ("olist.events",)


def test_a_catalog_that_loads_shows_as_such() -> None:
    runtime = build(Settings.load(ENVIRONMENT), ManualClock())
    assert b"touchback_catalog_reload_failed 0.0" in generate_latest(runtime.registry)


def test_without_keys_for_contact_details_it_does_not_start() -> None:
    environment = {n: v for n, v in ENVIRONMENT.items() if n != "TOUCHBACK_PII_KEYS"}
    with pytest.raises(InvalidSettings, match="TOUCHBACK_PII_KEYS: is not set"):
        Settings.load(environment)


def test_a_changed_catalog_takes_effect(catalog: Path) -> None:
    holder = CatalogHolder(catalog)
    current = Current(holder)
    rewrite(catalog, "source: olist", "source: shop")
    assert current().sources == ("olist",)
    holder.reload()
    assert current().sources == ("shop",)


def test_a_new_source_topic_is_wanted_at_once_by_name_or_pattern(catalog: Path) -> None:
    holder = CatalogHolder(catalog)
    current = Current(holder)
    rewrite(catalog, "topic: olist.events", "topic: '^olist\\.(eu|us)'")
    holder.reload()
    assert current.topics() == (r"^olist\.(eu|us)",)
    assert [each.source for each in current().on("olist.eu")] == ["olist"]
    assert current().on("olist.eu.more") == ()


def test_a_broken_catalog_changes_nothing(catalog: Path) -> None:
    holder = CatalogHolder(catalog)
    current = Current(holder)
    before = current()
    rewrite(catalog, "format: json", "format: xml")
    holder.reload()
    assert (current(), holder.reload_failed) == (before, True)


def hooked(catalog: Path, secrets: str) -> dict[str, str]:
    rewrite(catalog, "  format: json\n", f"  format: json\n  webhook: {{{secrets}}}\n")
    return {**ENVIRONMENT, "TOUCHBACK_CATALOG": str(catalog)}


def test_a_webhook_whose_secret_is_absent_stops_the_start(catalog: Path) -> None:
    environment = hooked(catalog, "scheme: stripe, secrets: [olist-hook]")
    with pytest.raises(
        InvalidSettings,
        match="TOUCHBACK_SOURCE_SECRETS: secret olist-hook is absent; source olist needs it",
    ):
        build(Settings.load(environment), ManualClock())


def test_a_webhook_shows_as_zero_from_the_start(catalog: Path) -> None:
    environment = hooked(catalog, "scheme: basic, secrets: [olist-hook]")
    environment["TOUCHBACK_SOURCE_SECRETS"] = '{"olist-hook": "user:password"}'
    runtime = build(Settings.load(environment), ManualClock())
    zero = b'touchback_webhooks_total{outcome="replayed",source="olist"} 0.0'
    assert zero in generate_latest(runtime.registry)
