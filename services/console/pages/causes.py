"""Root causes: what is more frequent than it was, what was fixed, and whether that helped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.outbound import Acting
from services.console.pages.acting import STATUS, explained, unsendable
from services.console.pages.paper import Paper


class Causes:
    """`/causes`: the figures are those of `close`."""

    def __init__(self, paper: Paper, close: Acting) -> None:
        self._paper = paper
        self._close = close

    async def show(
        self,
        request: Request,
        said: str = "",
        status: int = 200,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """This week against the weeks before, fixes with what they did, and what customers say.

        `said` is what went wrong, `given` what was typed.
        """
        found = {name: await self._close.figures(name) for name in _FIGURES}
        names = self._names(request)
        lists = {key: (found[name] or {}).get(key, []) for name, key in _FIGURES.items()}
        away = any(each is None for each in found.values())
        return self._paper.page(
            request,
            "causes.html",
            status=status,
            said=said,
            away=away,
            given=dict(given or {}),
            names=names,
            known=_known(names, lists["causes"]),
            touchpoints=self._paper.catalog().touchpoints,
            today=self._paper.speech(request).today.isoformat(),
            **lists,
        )

    async def fixed(self, request: Request) -> Response:
        """Say that a cause was put right for good on a day."""
        given = await self._paper.form(request)
        problem = unsendable(self._paper, request, given) or self._missing(request, given)
        if problem:
            return await self.show(request, problem, 422, given)
        note = given.get("note", "").strip()
        body = {
            "actor": self._paper.visitor(request).name,
            "on": given["on"],
            "touchpoint": given["touchpoint"],
            **({"note": note} if note else {}),
        }
        refused = await self._close.fixed(given["cause"], body, given["key"])
        if refused is None:
            return RedirectResponse("/causes", status_code=303)
        said = explained(self._paper, request, refused)
        return await self.show(request, said, STATUS[type(refused)], given)

    def _missing(self, request: Request, given: Mapping[str, str]) -> str:
        gettext = self._paper.speech(request).translations.gettext
        if not all(given.get(name, "").strip() for name in ("cause", "on", "touchpoint")):
            return gettext("Something is missing. Fill in every field, then send it again.")
        try:
            date.fromisoformat(given["on"])
        except ValueError:
            return gettext("This is no day of the calendar. Choose one, then send it again.")
        return ""

    def _names(self, request: Request) -> dict[str, str]:
        speech, teams = self._paper.speech(request), self._paper.catalog().teams
        return {each.cause: speech.text(each.name) for team in teams for each in team.root_causes}


_FIGURES = {"root-causes": "causes", "fixes": "fixes", "recovery": "recovery"}


def _known(names: Mapping[str, str], causes: Sequence[Any]) -> dict[str, str]:
    """Return every cause that may have been fixed: those named, and those given on cases."""
    given = {str(each["root_cause"]): str(each["root_cause"]) for each in causes}
    return {**given, **names}
