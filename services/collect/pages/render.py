"""One Jinja environment for all pages; the language is an argument of each, never a setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from gettext import NullTranslations
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, format_timedelta, get_datetime_format
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.collect.pages import look
from services.collect.pages.forms import Form
from services.collect.policy import Policy
from shared import languages, web
from shared.contracts.answering import LONGEST_COMMENT

LOCALES = Path(__file__).parent / "locales"
ROOM = Path(__file__).parent
HEADERS = {
    **web.PAGE_HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
KEPT = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
SANDBOXED = {"Content-Security-Policy": "default-src 'none'; sandbox"}
RETRY_AFTER = "5"

Reason = Literal[
    "busy",
    "unknown",
    "not_here_yet",
    "away",
    "expired",
    "cancelled",
    "already_answered",
    "answered_unlinked",
    "nothing_here",
    "too_large",
]
STATUS: Mapping[Reason, int] = {
    "busy": 429,
    "unknown": 404,
    "not_here_yet": 503,
    "away": 503,
    "expired": 410,
    "cancelled": 410,
    "already_answered": 410,
    "answered_unlinked": 410,
    "nothing_here": 404,
    "too_large": 413,
}


@pass_context
def _gettext(context: Context, text: str) -> str:
    return str(context["translations"].gettext(text))


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return str(context["translations"].ngettext(one, many, count))


@pass_context
def _pgettext(context: Context, about: str, text: str) -> str:
    return str(context["translations"].pgettext(about, text))


def environment() -> Environment:
    """Return what renders the templates; a name a template misspells is an error."""
    made = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        _gettext, _ngettext, newstyle=True, pgettext=_pgettext
    )
    return made


@dataclass(frozen=True, slots=True)
class Speech:
    """The language of one page: what its customer asked for, and what there is."""

    language: str
    asked_for: str | None
    translations: NullTranslations
    time_zone: str

    def date(self, moment: datetime) -> str:
        """Say a day as this language does."""
        local = moment.astimezone(ZoneInfo(self.time_zone))
        return format_date(local, "long", locale=self.language)

    def moment(self, moment: datetime) -> str:
        """Say a time of a day as this language does, with the zone it is in."""
        local = moment.astimezone(ZoneInfo(self.time_zone))
        both = str(get_datetime_format("long", locale=self.language))
        time = f"{format_time(local, 'short', locale=self.language)} {local:%Z}"
        return both.replace("{0}", time).replace("{1}", self.date(moment)).replace("'", "")

    def span(self, span: timedelta) -> str:
        """Say a length of time as this language does, in hours up to two days."""
        unit: Literal["hour", "day"] = "hour" if span <= timedelta(days=2) else "day"
        return format_timedelta(span, granularity=unit, threshold=100, locale=self.language)

    def link(self, path: str, **query: str | None) -> str:
        """Return a link that keeps the language the customer asked for."""
        wanted = {"lang": self.asked_for, **query}
        given = {name: value for name, value in wanted.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path


class Renderer:
    """Makes pages. `policy` gives the catalog's part that is current when it is called."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy
        self._environment = environment()
        self._catalogues = languages.load(LOCALES)
        self._style = (ROOM / "static" / "collect.css").read_text(encoding="utf-8")
        self._script = (ROOM / "static" / "collect.js").read_text(encoding="utf-8")
        self._script_version = sha256(self._script.encode()).hexdigest()[:12]

    def speech(
        self, request: Request, preferred: str | None = None, offered: tuple[str, ...] = ()
    ) -> Speech:
        """Choose the language: the link's, else the recipient's, else the browser's.

        `offered` are the languages of the survey: a page never mixes two.
        """
        both = [each for each in self._catalogues if not offered or each in offered]
        choices = both or [languages.SOURCE]
        asked_for = request.query_params.get("lang")
        liked = languages.accepted(request.headers.get("accept-language", ""))
        language = languages.choose([asked_for, preferred, *liked], choices)
        return Speech(
            language=language,
            asked_for=language if asked_for else None,
            translations=self._catalogues[language],
            time_zone=self._policy().time_zone,
        )

    def page(
        self,
        request: Request,
        template: str,
        speech: Speech,
        *,
        status: int = 200,
        offered: tuple[str, ...] = (),
        **context: Any,
    ) -> HTMLResponse:
        """Return a page in one language."""
        text = self._environment.get_template(template).render(
            {"heard": speech.link("/f"), "stop": None, **context},
            speech=speech,
            translations=speech.translations,
            language=speech.language,
            languages=self._others(request, offered),
            brand=self._policy().brand,
            style=self._version(),
            script=self._script_version,
            longest_comment=LONGEST_COMMENT,
        )
        return HTMLResponse(text, status, {**HEADERS, "Content-Language": speech.language})

    def refused(self, request: Request, reason: Reason, form: Form, **context: Any) -> Response:
        """Return the page that explains why nothing was taken, and what else one can do."""
        page = self.page(
            request,
            "refused.html",
            self.speech(request, context.pop("preferred", None)),
            status=STATUS[reason],
            reason=reason,
            form=form,
            here=request.url.path,
            posted=request.method == "POST",
            preselected=request.query_params.get("score", ""),
            **{"mine": None, **context},
        )
        if STATUS[reason] == 503:
            page.headers["Retry-After"] = RETRY_AFTER
        return page

    async def style(self, request: Request) -> Response:
        """Serve the stylesheet: ours, with the brand's colour before it."""
        return Response(self._css(), media_type="text/css", headers=KEPT)

    async def script(self, request: Request) -> Response:
        """Serve the script that saves on the way; every page works without it."""
        return Response(self._script, media_type="text/javascript", headers=KEPT)

    async def logo(self, request: Request) -> Response:
        """Serve the brand's logo."""
        logo = self._policy().brand.logo
        if logo is None:
            return Response(status_code=404)
        return Response(logo, media_type="image/svg+xml", headers={**KEPT, **SANDBOXED})

    async def icon(self, request: Request) -> Response:
        """Serve the picture for the browser's tab."""
        brand = self._policy().brand
        picture = brand.logo or look.icon(brand.color)
        return Response(picture, media_type="image/svg+xml", headers={**KEPT, **SANDBOXED})

    def _css(self) -> str:
        return look.stylesheet(self._policy().brand) + self._style

    def _version(self) -> str:
        return sha256(self._css().encode()).hexdigest()[:12]

    def _others(self, request: Request, offered: tuple[str, ...]) -> list[dict[str, str]]:
        kept = {
            name: value
            for name, value in request.query_params.items()
            if name in ("score", "change")
        }
        return [
            {
                "code": code,
                "name": catalogue.pgettext("the name of this language, in itself", "English"),
                "href": f"{request.url.path}?{urlencode({**kept, 'lang': code})}",
            }
            for code, catalogue in self._catalogues.items()
            if not offered or code in offered
        ]
