"""The right language is chosen."""

from __future__ import annotations

import pytest

from shared import languages


@pytest.mark.parametrize(
    ("wishes", "chosen"),
    [
        pytest.param([None, None], "en", id="no wish"),
        pytest.param(["zh", "en"], "zh", id="the first wish"),
        pytest.param(["zh-CN"], "zh", id="a region of it"),
        pytest.param(["zh_Hans_CN"], "zh", id="as POSIX writes it"),
        pytest.param(["fr", "zh"], "zh", id="the second wish"),
        pytest.param(["../../etc", "x" * 5000, "zh"], "zh", id="nonsense before it"),
    ],
)
def test_the_first_wish_that_is_offered_is_chosen(wishes: list[str | None], chosen: str) -> None:
    assert languages.choose(wishes, ["en", "zh"]) == chosen


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("fr;q=0.2, zh-CN, en;q=0.9, xx;q=0, yy;q=z", ["zh-CN", "en", "fr"]),
        ("en;q=0.5,zh;q=0.9", ["zh", "en"]),
        ("fr,de;q=x,,;q=", ["fr"]),
        ("", []),
    ],
)
def test_the_browser_orders_its_languages_by_liking(header: str, tags: list[str]) -> None:
    assert languages.accepted(header) == tags
