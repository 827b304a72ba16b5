"""A catalog loads into one frozen value with defaults, lookups and a version."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.catalog import (
    AbsenceTrigger,
    CountTrigger,
    EventTrigger,
    NotInCatalog,
    RhythmTrigger,
    UnusableCatalog,
    check,
    load,
    load_files,
)
from tests.support.catalogs import TOUCHPOINTS, catalog_files, edited, write_catalog

EVERY_TRIGGER = """
- touchpoint: repeat-contact
  stage: service
  on: {count: order.delivered, at_least: 3, within: 7d, by: customer}
  act: case
- touchpoint: silent-after-fix
  stage: service
  on: {absence: [response, order.delivered], after: order.delivered, within: 10d}
  survey: delivery
- touchpoint: relationship
  on: {every: 180d, segment: 'profile.segment == "business"'}
  survey: delivery
  channels: [email, sms]
  sample: 0.5
  reminder: {after: 3d}
"""


def test_entries_are_found_by_name() -> None:
    catalog = load_files(catalog_files())
    assert catalog.touchpoint("delivered").delay == timedelta(hours=1)
    assert catalog.survey_of("delivered").scale.maximum == 5
    assert catalog.team("parcels").channels[0].secret == "parcels"  # noqa: S105 - a name, no secret
    assert catalog.fallback_team.team == "care"
    assert [source.source for source in catalog.sources_by_topic["shop.events"]] == ["shop"]


def test_an_unknown_name_is_an_error_of_its_own() -> None:
    with pytest.raises(NotInCatalog, match='no touchpoint "x"'):
        load_files(catalog_files()).touchpoint("x")


def test_every_kind_of_trigger_is_accepted_with_its_defaults() -> None:
    outlet = "channels: {sms: {url: 'https://sms.example/send', secret: sms}}"
    files = {"touchpoints.yaml": TOUCHPOINTS + EVERY_TRIGGER, "policy.yaml": outlet}
    catalog = load_files(catalog_files(files))
    kinds = [type(touchpoint.on) for touchpoint in catalog.touchpoints]
    assert kinds == [EventTrigger, CountTrigger, AbsenceTrigger, RhythmTrigger]
    assert catalog.touchpoint("delivered").answer_within == timedelta(days=14)
    assert catalog.touchpoint("relationship").answer_within == timedelta(days=30)
    assert catalog.touchpoint("relationship").relationship
    with pytest.raises(NotInCatalog, match="has no survey"):
        catalog.survey_of("repeat-contact")


def test_a_policy_that_is_left_out_is_the_careful_one() -> None:
    caps = load_files(catalog_files()).policy.caps
    assert (caps.floor, caps.person, caps.answered) == tuple(
        timedelta(days=days) for days in (1, 30, 90)
    )


@pytest.mark.parametrize(
    ("priority", "hours"),
    [("high", 1), ("normal", 2), ("low", 2)],
    ids=["own", "own too", "normal"],
)
def test_targets_of_a_priority_fall_back_to_normal(priority: str, hours: int) -> None:
    targets = "{high: {contact: 1h}, normal: {contact: 2h}}"
    files = edited("teams.yaml", "name: Parcels", f"name: Parcels\n  targets: {targets}")
    team = load_files(files).team("parcels")
    assert team.target(priority).contact == timedelta(hours=hours)  # type: ignore[arg-type]  # from a table


def test_the_catalog_cannot_be_changed() -> None:
    catalog = load_files(catalog_files())
    with pytest.raises(ValidationError, match="frozen"):
        catalog.version = "x"  # type: ignore[misc]  # the point


def test_the_version_follows_content_and_names_alone(tmp_path: Path) -> None:
    one = load(write_catalog(tmp_path / "one"))
    (tmp_path / "one" / "README.md").write_text("not part of it")
    (tmp_path / "one" / ".hidden.yaml").write_text("not part of it")
    assert load(tmp_path / "one").version == one.version == load_files(catalog_files()).version
    assert load_files(edited("routing.yaml", "parcels", "care")).version != one.version
    moved = catalog_files()
    moved["surveys/other.yaml"] = moved.pop("surveys/delivery.yaml")
    assert load_files(moved).version != one.version


def test_a_clean_folder_has_no_findings(tmp_path: Path) -> None:
    assert check(write_catalog(tmp_path)) == []


def test_a_folder_without_a_catalog_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(UnusableCatalog, match="holds no YAML files"):
        check(tmp_path)
    with pytest.raises(UnusableCatalog, match="is not a folder"):
        load(tmp_path / "absent")


def test_on_is_a_word_and_a_clock_time_is_text() -> None:
    policy = "send_window: {start: 10:00, end: 18:30}\nholdout: 0.1\n"
    catalog = load_files(catalog_files({"policy.yaml": policy}))
    assert f"{catalog.policy.send_window.end:%H:%M}" == "18:30"
    assert isinstance(catalog.touchpoint("delivered").on, EventTrigger)


def test_rules_run_from_the_catalog() -> None:
    mapping = load_files(catalog_files()).sources[0].responses[0]
    inputs = {"body": {"kind": "answer", "score": "4", "id": "a", "customer": "c"}}
    assert mapping.when is not None
    assert mapping.when.holds(inputs)
    assert mapping.score.value(inputs) == 4
    assert mapping.touchpoint.value(inputs) == "delivered"
