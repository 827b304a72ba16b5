"""Looking at a page as people do: on a phone and a desk, by day and by night, and with axe."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OPTIONS = {
    "runOnly": {"type": "tag", "values": RULES},
    "resultTypes": ["violations"],
    "preload": False,  # it would fetch the stylesheet by script, which the pages forbid
}
NARROWEST = 320
PICTURES = os.environ.get("PICTURES")
"""A folder that gets a picture of each view, for people who want to look themselves."""


class View(NamedTuple):
    """How wide the screen is, and whether it is night."""

    width: int
    scheme: Literal["light", "dark"]


ALL_VIEWS = tuple(View(*each) for each in product((360, 1280), ("light", "dark")))
VIEWS = ALL_VIEWS if PICTURES or os.environ.get("CI") else (ALL_VIEWS[0], ALL_VIEWS[-1])
"""Axe takes its time: outside CI each width and each scheme is seen, but not each pair."""


def executable() -> str | None:
    """The browser, if this machine has one."""
    return shutil.which("chromium") or shutil.which("google-chrome")


@asynccontextmanager
async def tab(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page of its own, with no memory of the others."""
    context = await browser.new_context(**{"viewport": {"width": 360, "height": 740}, **options})
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def faults(page: Page, name: str) -> list[str]:
    """Return what is wrong with this page in any view, a line for each."""
    found = await _too_wide(page)
    for view in VIEWS:
        await page.set_viewport_size({"width": view.width, "height": 800})
        await page.emulate_media(color_scheme=view.scheme)
        found += [f"{view.width} {view.scheme}: {each}" for each in await violations(page)]
        await _picture(page, f"{name}-{view.width}-{view.scheme}")
    return [f"{name}: {each}" for each in found]


async def violations(page: Page) -> list[str]:
    """Return what axe finds, a line for each element."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    results = await page.evaluate("options => axe.run(document, options)", OPTIONS)
    return [
        f"{rule['id']} at {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in results["violations"]
        for node in rule["nodes"]
    ]


async def _too_wide(page: Page) -> list[str]:
    await page.set_viewport_size({"width": NARROWEST, "height": 700})
    width = await page.evaluate("document.documentElement.scrollWidth")
    return [f"{width} px wide on a screen of {NARROWEST}"] if width > NARROWEST else []


async def _picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
