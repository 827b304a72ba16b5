"""Who looks at a page: the name they gave, their language, and proof that a form is our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from services.console.door import SCOPE, By, Person
from shared.errors import InvalidLink
from shared.languages import accepted, choose
from shared.links import Links

SESSION, NAME, LANGUAGE = "touchback_session", "touchback_name", "touchback_language"
FORM_AGE = timedelta(hours=12)
YEAR = 365 * 24 * 3600
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Visitor:
    """`session` is a random word in a cookie that no other site's form makes a browser send.

    `name` is that of the sign-in (`by`), or what the visitor says where nobody signs in.
    """

    session: str
    name: str
    by: By
    language: str
    asked_language: bool


def visitor(request: Request, offered: list[str]) -> Visitor:
    """Read the cookies; a visitor without a session gets a new one."""
    person: Person = request.scope.get(SCOPE) or Person("", "nobody")
    asked = request.query_params.get("lang")
    liked = accepted(request.headers.get("accept-language", ""))
    return Visitor(
        session=request.cookies.get(SESSION, "")[:64] or token_urlsafe(18),
        name=person.name or clean_name(unquote(request.cookies.get(NAME, ""))),
        by=person.by,
        language=choose([asked, request.cookies.get(LANGUAGE), *liked], offered),
        asked_language=asked in offered,
    )


def clean_name(text: str) -> str:
    """Return a name as it may stand on a case: one line of a sensible length."""
    return " ".join(text.split())[:LONGEST_NAME]


def form_token(links: Links, who: Visitor) -> str:
    """Return what a form proves itself with; good only beside this visitor's cookies."""
    return links.sign("form", _proof(who))


def _proof(who: Visitor) -> str:
    # A cookie that another host of the site planted is no proof for who is signed in.
    return who.session if who.by == "nobody" else f"{who.session}/{who.by}/{who.name}"


def is_own_form(links: Links, request: Request, who: Visitor, token: str) -> bool:
    """Tell whether the form came from a page of ours, for this person, not too long ago."""
    if SESSION not in request.cookies:
        return False
    try:
        return links.read("form", token, FORM_AGE) == _proof(who)
    except InvalidLink:
        return False


def remember(response: Response, who: Visitor, *, secure: bool, name: str | None = None) -> None:
    """Keep session, language and, when given, name in cookies no script can read."""

    def keep(cookie: str, value: str, age: int | None) -> None:
        response.set_cookie(
            cookie, value, max_age=age, httponly=True, secure=secure, samesite="lax"
        )

    # Lax: who follows a link from Slack keeps the word that proves the forms of their other tabs.
    keep(SESSION, who.session, None)
    if who.asked_language:
        keep(LANGUAGE, who.language, YEAR)
    if name is not None:
        keep(NAME, quote(name), YEAR)
