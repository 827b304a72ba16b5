"""Who looks at a page: the name they gave, their language, and proof that a form is our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from shared.errors import InvalidLink
from shared.languages import accepted, choose
from shared.links import Links

SESSION, NAME, LANGUAGE = "touchback_session", "touchback_name", "touchback_language"
FORM_AGE = timedelta(hours=12)
YEAR = 365 * 24 * 3600
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Visitor:
    """`session` is a random word in a cookie that no other site can make a browser send."""

    session: str
    name: str
    language: str
    asked_language: bool


def visitor(request: Request, offered: list[str]) -> Visitor:
    """Read the cookies; a visitor without a session gets a new one."""
    asked = request.query_params.get("lang")
    liked = accepted(request.headers.get("accept-language", ""))
    return Visitor(
        session=request.cookies.get(SESSION, "")[:64] or token_urlsafe(18),
        name=clean_name(unquote(request.cookies.get(NAME, ""))),
        language=choose([asked, request.cookies.get(LANGUAGE), *liked], offered),
        asked_language=asked in offered,
    )


def clean_name(text: str) -> str:
    """Return a name as it may stand on a case: one line of a sensible length."""
    return " ".join(text.split())[:LONGEST_NAME]


def form_token(links: Links, who: Visitor) -> str:
    """Return what a form proves itself with; good only beside this visitor's cookie."""
    return links.sign("form", who.session)


def is_own_form(links: Links, request: Request, token: str) -> bool:
    """Tell whether the form came from a page of ours, in this browser, not too long ago."""
    session = request.cookies.get(SESSION)
    try:
        return session is not None and links.read("form", token, FORM_AGE) == session
    except InvalidLink:
        return False


def remember(response: Response, who: Visitor, *, secure: bool, name: str | None = None) -> None:
    """Keep session, language and, when given, name in cookies no script can read."""

    def keep(cookie: str, value: str, age: int | None, site: str) -> None:
        response.set_cookie(
            cookie,
            value,
            max_age=age,
            httponly=True,
            secure=secure,
            samesite=site,  # type: ignore[arg-type]  # one of its literals
        )

    keep(SESSION, who.session, None, "strict")
    if who.asked_language:
        keep(LANGUAGE, who.language, YEAR, "lax")
    if name is not None:
        keep(NAME, quote(name), YEAR, "lax")
