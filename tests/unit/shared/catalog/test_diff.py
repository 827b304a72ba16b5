"""`diff` says in words what changes from one catalog to another."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.catalog.cli import app
from shared.catalog.diff import differences, span
from shared.catalog.loader import load_files
from tests.support.catalogs import FILES, catalog_files, edited, write_catalog

BEFORE = load_files(catalog_files())


def told(file: str, old: str, new: str) -> list[str]:
    """What differs after one place in one file was changed."""
    return [str(each) for each in differences(BEFORE, load_files(edited(file, old, new)))]


def test_a_changed_field_is_told_with_what_it_means_and_both_values() -> None:
    assert told("touchpoints.yaml", "delay: 1h", "delay: 2d") == [
        "touchpoint delivered: `delay`, how long it waits after the event, is 2d, was 1h"
    ]


def test_comments_and_order_do_not_count() -> None:
    assert told("touchpoints.yaml", "delay: 1h", "delay: 60m  # an hour") == []


def test_what_was_added_or_removed_is_named() -> None:
    more = FILES["touchpoints.yaml"] + (
        "- touchpoint: lost\n  on: {signal: order.lost, when: 'signal.attributes.days > 2'}\n"
        "  act: case\n"
    )
    after = load_files(catalog_files({"touchpoints.yaml": more, "sources.yaml": SOURCES}))
    assert "touchpoint lost: added" in [str(each) for each in differences(BEFORE, after)]
    assert "touchpoint lost: removed" in [str(each) for each in differences(after, BEFORE)]


def test_conditions_are_told_as_their_text() -> None:
    after = load_files(edited("touchpoints.yaml", "late == true", "days > 2"))
    assert [str(each) for each in differences(BEFORE, after)] == [
        "touchpoint delivered: `on.when`, when it begins, is signal.attributes.days > 2,"
        " was signal.attributes.late == true"
    ]


def test_policy_is_told_by_its_parts() -> None:
    after = load_files(catalog_files({"policy.yaml": "caps: {person: 60d}\n"}))
    assert [str(each) for each in differences(BEFORE, after)] == [
        "policy: `caps.person`, the least time between two asks of one customer, is 60d, was 30d"
    ]


@pytest.mark.parametrize(
    ("seconds", "written"), [(0, "0"), (90, "90s"), (60, "1m"), (3600, "1h"), (86400 * 3, "3d")]
)
def test_durations_are_written_as_in_the_catalog(seconds: int, written: str) -> None:
    assert span(timedelta(seconds=seconds)) == written


def test_it_exits_with_0_1_or_2(tmp_path: Path) -> None:
    def run(*words: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["diff", *map(str, words)])
        return result.exit_code, result.stdout

    same = write_catalog(tmp_path / "same")
    other = write_catalog(tmp_path / "other", edited("touchpoints.yaml", "delay: 1h", "delay: 2h"))
    broken = write_catalog(tmp_path / "broken", edited("touchpoints.yaml", "delay", "dealy"))
    assert run(same, same) == (0, "no difference in meaning\n")
    code, printed = run(same, other, "--json")
    assert (code, json.loads(printed)["new"]) == (1, "2h")
    assert run(same, broken)[0] == run(same, tmp_path / "none")[0] == 2


SOURCES = FILES["sources.yaml"] + (
    "- source: more\n  topic: more\n  format: json\n  signals:\n"
    "    - {signal: order.lost, id: 'body.id', customer: 'body.customer'}\n"
)
