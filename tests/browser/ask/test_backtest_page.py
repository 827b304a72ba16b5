"""The page of a backtest as whoever is shown it sees it: from a file, with nothing around it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from services.ask.backtest.page import render
from tests.browser.looking import faults, tab

pytestmark = pytest.mark.asyncio(loop_scope="session")

LARGEST = 100_000
"""Bytes: a page that fits into a mail."""


def a_run(share: float = 1.0) -> dict[str, Any]:
    """Two years of a busy shop under a catalog with more touchpoints than most have."""
    asked = {f"touchpoint-with-a-long-name-{n}": int(9000 * share / n) for n in range(1, 13)}
    low = {"low": 90, "low_asked": 50, "low_asked_later": 10, "low_missed": 30}
    answers = {"given": 400, **low, "low_missed_but_looked_after": 20}
    silences = {"cap_person": int(4000 * share), "sampled_out": 900, "quiet_hours_expired": 3}
    touchpoints = {
        name: {
            "ask": count,
            "case": count // 9,
            "notify": count // 5,
            "silent": sum(silences.values()),
            "not_known_yet": 2,
            "silences": silences,
            "answers": answers,
        }
        for name, count in asked.items()
    }
    return {
        "catalog_version": "0123456789ab",
        "touchpoints": touchpoints,
        "customers": {
            "heard_of": 90_000,
            "asked": int(9000 * share),
            "asks_p50": 1,
            "asks_p99": 4,
            "asks_max": 12,
        },
        "weeks": {f"{2024 + n // 52}-{1 + n % 12:02}-01": 100 + n for n in range(104)},
    }


def found(*, against: bool) -> dict[str, Any]:
    """What a backtest says, with an old catalog or without."""
    new, old = a_run(0.6), a_run()
    moved = {
        name: {"gained": 5, "lost": 400, "earlier": 3, "later": 7} for name in old["touchpoints"]
    }
    return {
        "input": {
            "lines": 1_000_000,
            "heard": 280_000,
            "unused": 719_999,
            "refused": 1,
            "first": "2024-01-01T00:00:00+00:00",
            "last": "2025-12-31T00:00:00+00:00",
            "everybody_reachable": True,
        },
        "new": new,
        "old": old if against else None,
        "change": {
            "touchpoints": moved,
            "customers": {"asked_only_by_new": 3, "asked_only_by_old": 900},
            "low_scores": {"gained": 1, "lost": 40},
        }
        if against
        else None,
    }


def written(folder: Path, *, against: bool) -> str:
    """The address of the page in a file."""
    file = folder / "page.html"
    file.write_text(render(found(against=against)), "utf-8")
    assert file.stat().st_size < LARGEST
    return file.as_uri()


async def opened(page: Page, address: str) -> list[str]:
    """Opens the page, and returns what it asked for besides itself."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(address)
    return [url for url in asked if url != address]


@pytest.mark.parametrize("against", [True, False], ids=["against another", "alone"])
async def test_anybody_can_read_it_on_any_screen(
    browser: Browser, tmp_path: Path, against: bool
) -> None:
    async with tab(browser) as page:
        assert await opened(page, written(tmp_path, against=against)) == []
        assert await faults(page, f"backtest-{'against' if against else 'alone'}") == []


async def test_the_length_of_a_bar_says_what_the_figure_beside_it_says(
    browser: Browser, tmp_path: Path
) -> None:
    async with tab(browser) as page:
        await opened(page, written(tmp_path, against=True))
        rows = page.locator("table.bars:has-text('asks') tr:has(rect.old)")
        widths, figures = [], []
        for row in await rows.all():
            box = await row.locator("rect.old").bounding_box()
            count = re.match(r"[\d,]+", await row.locator("td").last.inner_text())
            assert box is not None
            assert count is not None
            widths.append(box["width"])
            figures.append(int(count[0].replace(",", "")))
        assert len(figures) == 12
        scale = widths[0] / figures[0]
        assert [pytest.approx(scale * each, abs=1.0) for each in figures] == widths
