"""Programs that open every link of a mail: how they give themselves away."""

from __future__ import annotations

import re

from starlette.requests import Request

from services.collect.metrics import Visitor

AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers by which a browser says that it fetches before anybody asked it to."""
PROGRAMS = re.compile(
    r"bot\b|crawl|spider|scan|preview|fetch|monitor|probe|curl|wget|python|java/|go-http|headless",
    re.IGNORECASE,
)


def visitor(request: Request) -> Visitor:
    """Guess who looks; whoever it is, only a form that is sent says anything about the customer."""
    headers = request.headers
    if request.method == "HEAD" or any(
        re.search("prefetch|preview", headers.get(name, "")) for name in AHEAD
    ):
        return "scanner"
    named = headers.get("user-agent", "")
    # A browser always names itself, and says which languages its owner reads.
    if not named or PROGRAMS.search(named) or "accept-language" not in headers:
        return "scanner"
    return "browser"
