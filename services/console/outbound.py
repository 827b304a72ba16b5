"""What is asked of other services: `close` acts on cases, `listen` knows which sources it left."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp
from pydantic import ValidationError
from yarl import URL

from shared.contracts.cases import CaseEvent
from shared.pulse import Pulse

_log = logging.getLogger(__name__)
TIMEOUT = aiohttp.ClientTimeout(total=8, connect=3)
LOOK = 10.0


@dataclass(frozen=True, slots=True)
class Done:
    """It is done; this is the case now."""

    case: CaseEvent


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else was faster, or the step is not possible now."""

    outdated: bool
    assignee: str | None
    state: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """What was sent makes no sense to `close`."""

    detail: str


@dataclass(frozen=True, slots=True)
class Away:
    """No answer that can be relied on: the same request may be sent again."""


Outcome = Done | Conflict | Refused | Away
Marked = Refused | Away | None
"""None: it is kept."""


class Acting(Protocol):
    """What can act on a case."""

    async def act(self, case_id: str, action: str, body: Mapping[str, Any], key: str) -> Outcome:
        """Do something to a case; the same key does it once, however often it is sent."""
        ...

    async def fixed(self, cause: str, body: Mapping[str, Any], key: str) -> Marked:
        """Say that a root cause was put right on a day."""
        ...

    async def figures(self, name: str) -> Any:
        """Return what `close` knows under this name; None when it cannot be asked."""
        ...


class Close:
    """The service `close`, as this one calls it."""

    def __init__(self, url: str, token: str) -> None:
        self._url = URL(url)
        self._headers = {"Authorization": f"Bearer {token}"}

    async def act(self, case_id: str, action: str, body: Mapping[str, Any], key: str) -> Outcome:
        """Send it; whatever cannot be read as an answer counts as none."""
        try:
            return _read(*await self._said("POST", f"cases/{case_id}/{action}", body, key))
        except (aiohttp.ClientError, TimeoutError, ValueError, ValidationError):
            return Away()

    async def fixed(self, cause: str, body: Mapping[str, Any], key: str) -> Marked:
        """Send it; whatever cannot be read as an answer counts as none."""
        try:
            status, answer = await self._said("POST", f"root-causes/{cause}/fixed", body, key)
            return None if status == HTTPStatus.OK else _refused(status, answer)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return Away()

    async def figures(self, name: str) -> Any:
        """Read it; None when there is no answer that can be relied on."""
        try:
            status, answer = await self._said("GET", name)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        return answer if status == HTTPStatus.OK else None

    async def _said(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str = ""
    ) -> tuple[int, Any]:
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        url = self._url.joinpath("v1", *path.split("/"))
        # People's clicks are rare, so a session for each costs nothing and leaks nothing.
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session,
            session.request(method, url, json=body, allow_redirects=False) as response,
        ):
            return response.status, json.loads(await response.text())


def _read(status: int, answer: Any) -> Outcome:
    if status == HTTPStatus.OK:
        return Done(CaseEvent.model_validate(answer["case"]))
    if status == HTTPStatus.CONFLICT:
        outdated = answer.get("reason") == "outdated_version"
        return Conflict(outdated, answer.get("assignee"), answer.get("state"))
    return _refused(status, answer)


def _refused(status: int, answer: Any) -> Refused | Away:
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_REQUEST):
        return Refused(str(answer.get("detail") or answer.get("title", "")))
    return Away()


@dataclass(frozen=True, slots=True)
class Paused:
    """A source whose events wait, because too many of them could not be read."""

    source: str
    since: datetime
    reason: str


class Sources:
    """The sources that `listen` left unread, as of the last look; none while it cannot be asked."""

    def __init__(self, url: str, token: str) -> None:
        self._url = URL(url) / "v1" / "sources"
        self._headers = {"Authorization": f"Bearer {token}"}
        self.paused: tuple[Paused, ...] = ()

    async def run(self, pulse: Pulse) -> None:
        """Look every ten seconds until cancelled."""
        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=self._headers) as session:
            while True:
                pulse.beat()
                self.paused = await self.look(session)
                await asyncio.sleep(LOOK)

    async def look(self, session: aiohttp.ClientSession) -> tuple[Paused, ...]:
        """Ask once."""
        try:
            async with session.get(self._url, allow_redirects=False) as response:
                response.raise_for_status()
                return paused(json.loads(await response.text()))
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
            extra = {"action": "sources_unknown", "error": type(error).__name__}
            _log.debug("listen cannot be asked", extra=extra)
            return ()


def paused(answer: Any) -> tuple[Paused, ...]:
    """Read what `listen` says of its sources; raises LookupError, TypeError or ValueError."""
    return tuple(
        Paused(each["source"], datetime.fromisoformat(pause["since"]), pause["reason"])
        for each in answer["sources"]
        if each["paused"]
        for pause in each["pauses"][:1]
    )
