"""Calendars of teams: what is refused, and in which words."""

from __future__ import annotations

import pytest

from shared.catalog import InvalidCatalog, load_files
from tests.support.catalogs import TEAMS, catalog_files

WORKING = """\
  calendar:
    holidays: CN
    hours:
      mon: [{start: "09:00", end: "12:00"}, {start: "13:00", end: "18:00"}]
      tue: [{start: "09:00", end: "18:00"}]
"""


def teams(calendar: str) -> dict[str, bytes]:
    return catalog_files(
        {"teams.yaml": TEAMS.replace("  name: Parcels\n", f"  name: Parcels\n{calendar}")}
    )


def test_a_day_may_have_several_spans() -> None:
    calendar = load_files(teams(WORKING)).team("parcels").calendar
    assert calendar is not None
    assert [len(spans) for spans in calendar.hours.values()] == [2, 1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("CN", "XX", "no holidays are known for 'XX'", id="a country nobody knows"),
        pytest.param("13:00", "11:00", "spans of mon lie over each other", id="spans that overlap"),
    ],
)
def test_what_makes_no_calendar_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(InvalidCatalog, match=said):
        load_files(teams(WORKING.replace(old, new)))


def test_a_calendar_that_never_opens_is_refused() -> None:
    with pytest.raises(InvalidCatalog, match="no open hours at all"):
        load_files(teams("  calendar: {hours: {mon: []}}\n"))
