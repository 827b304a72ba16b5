"""Every mistake in a policy is one finding, and all of them come in one run."""

from __future__ import annotations

import pytest

from tests.support.catalogs import catalog_files
from tests.unit.shared.catalog.test_findings import findings

POLICY = [
    (
        "caps: {floor: 40d}\nquiet: 3",
        [
            "1: `caps`: `floor` is the hard minimum: it cannot be longer than `person`",
            "2: `quiet`: unknown field, there is brand, caps, channels, hold_window, holdout, "
            "ladder, limits, retention, salt, send_window, time_zone",
        ],
    ),
    (
        "send_window: {start: 20:00, end: 09:00}",
        ["1: `send_window`: `end` must be later than `start` on the same day"],
    ),
    (
        "brand: {color: green}",
        [
            "1: `brand.color`: 'green' is not a colour, write six hex digits in quotes, "
            "such as #1f4e79"
        ],
    ),
    (
        'brand: {color: "#ffcc00"}',
        [
            '1: `brand.color`: "#ffcc00" has a contrast of 1.4 to light pages, reading takes 4.5: '
            'take "#8a6e00" or another one as clear'
        ],
    ),
    (
        'brand: {color_dark: "#1f4e79"}',
        [
            '1: `brand.color_dark`: "#1f4e79" has a contrast of 2.0 to dark pages, reading takes '
            '4.5: take "#6787a4" or another one as clear'
        ],
    ),
    (
        "brand: {logo: '<svg xmlns=\"http://www.w3.org/2000/svg\"><path/></svg>'}",
        [
            "1: `brand.logo`: the logo is no SVG picture with a viewBox, write the text of an SVG "
            'picture, such as <svg xmlns="http://www.w3.org/2000/svg"…'
        ],
    ),
    (
        'brand: {logo: \'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">'
        "<script/></svg>'}",
        ["1: `brand.logo`: the logo may not hold <script>: keep to shapes and text"],
    ),
    (
        'brand: {logo: \'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" onload="x"/>\'}',
        ["1: `brand.logo`: the logo may not run anything: remove onload"],
    ),
    ("- 1", ["1: [1] is not what belongs here, write a map of fields"]),
    ("a: !!python/object:os.system x", None),
    ("a: &x [*x]", None),
    ("? [a]\n: 1", None),
    ("a: \x00", None),
    ("\tcaps: 1", None),
    ("1: 2", None),
]


@pytest.mark.parametrize(("text", "expected"), POLICY, ids=[repr(text)[:40] for text, _ in POLICY])
def test_all_that_is_wrong_is_found_in_one_run(text: str, expected: list[str] | None) -> None:
    found = findings(catalog_files({"policy.yaml": text}))
    if expected is None:
        assert len(found) == 1
        assert found[0].startswith("policy.yaml:1: ")
    else:
        assert found == [f"policy.yaml:{line}" for line in expected]
