"""Looking at a page: it changes nothing, and whoever looks is counted but never believed."""

from __future__ import annotations

import pytest

from shared.links import Links
from tests.integration.collect.service import KEY, Collect

BROWSER = {"user-agent": "Mozilla/5.0 (X11) Firefox/150.0", "accept-language": "en"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("answered", [False, True], ids=["unanswered", "answered"])
async def test_looking_writes_nothing(collect: Collect, method: str, answered: bool) -> None:
    await collect.invite()
    if answered:
        await collect.browser.post(collect.page, data={"score": "3"})
    before = await collect.rows()
    stop = "/stop/" + Links([KEY]).sign("stop", "i-1")
    below = [collect.page + rest for rest in ("", "/more", "/thanks", "/mine", "/mine.json")]
    for page in (*below, stop, "/f", f"/f/{collect.token}", "/f/thanks"):
        seen = await collect.browser.request(method, page, params={"score": "1", "lang": "zh"})
        assert seen.status_code in (200, 303) if answered else (200, 303, 404)
    assert await collect.rows() == before


@pytest.mark.parametrize(
    ("method", "headers", "visitor"),
    [
        pytest.param("GET", BROWSER, "browser", id="a browser"),
        pytest.param("HEAD", BROWSER, "scanner", id="only the headers"),
        pytest.param("GET", {**BROWSER, "sec-purpose": "prefetch"}, "scanner", id="ahead of time"),
        pytest.param("GET", {"user-agent": "MailScanner/2"}, "scanner", id="a mail scanner"),
        pytest.param("GET", {"user-agent": ""}, "scanner", id="without a name"),
    ],
)
async def test_who_looks_is_counted_and_not_believed(
    collect: Collect, method: str, headers: dict[str, str], visitor: str
) -> None:
    await collect.invite()
    await collect.browser.request(method, collect.page, headers=headers, params={"score": "1"})
    count = collect.runtime.registry.get_sample_value(
        "touchback_survey_views_total", {"touchpoint": "support-closed", "visitor": visitor}
    )
    assert count == 1
    assert await collect.said() == []
