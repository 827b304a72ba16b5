"""Whether people can read one colour on another, and the nearest one that they can."""

from __future__ import annotations

Rgb = tuple[int, int, int]

LIGHT: Rgb = (245, 247, 249)
DARK: Rgb = (23, 27, 33)
"""The harder one of page and card in each scheme of the pages that customers see."""
READABLE = 4.5
"""Contrast that WCAG 2.2 AA asks of text."""


def rgb(colour: str) -> Rgb:
    """Return the parts of `#rrggbb`."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def written(colour: Rgb) -> str:
    """Return a colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Rgb) -> float:
    def linear(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast of two colours, 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _mixed(colour: Rgb, towards: Rgb, share: float) -> Rgb:
    red, green, blue = (
        round(mine + (theirs - mine) * share) for mine, theirs in zip(colour, towards, strict=True)
    )
    return red, green, blue


def readable(colour: Rgb, background: Rgb) -> Rgb:
    """Return the colour, moved away from the background just as far as reading it takes."""
    away: Rgb = (0, 0, 0) if _luminance(background) > 0.5 else (255, 255, 255)
    steps = (_mixed(colour, away, step / 50) for step in range(51))
    return next(each for each in steps if contrast(each, background) >= READABLE)
