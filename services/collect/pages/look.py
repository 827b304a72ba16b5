"""The brand's colour and pictures, as the pages need them."""

from __future__ import annotations

from shared.catalog.colours import DARK, LIGHT, readable, rgb, written
from shared.catalog.policy import Brand


def icon(colour: str) -> str:
    """Return a small picture for the browser's tab."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<circle cx="8" cy="8" r="7" fill="{colour}"/></svg>'
    )


def stylesheet(brand: Brand) -> str:
    """Return the rules that bring the brand's colours into the pages, readable in both schemes."""
    light = readable(rgb(brand.color), LIGHT)
    dark = readable(rgb(brand.color_dark or brand.color), DARK)
    return (
        f":root {{ --brand: {written(light)}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --brand: {written(dark)}; }} }}\n"
    )
