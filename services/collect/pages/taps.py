"""A form that brings no key of its own: the same again within seconds is one tap too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from uuid import uuid4

from starlette.requests import Request

from services.collect.pages.forms import Form

AGAIN = 10.0
"""Seconds within which the same form from the same browser is the same message."""
MOST = 10_000
_WHO = ("x-forwarded-for", "user-agent", "accept-language")


class Taps:
    """Gives each form its key. Nothing of who sent it is kept, nor outlives the process."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._known: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    def key(self, request: Request, form: Form) -> str:
        """Return the form's own key, else that of the same form a moment ago, else a new one."""
        if form.key:
            return form.key
        now, seen = self._seconds(), _seen(request, form)
        at, key = self._known.pop(seen, (now - 2 * AGAIN, ""))
        if now - at > AGAIN:
            at, key = now, str(uuid4())
        self._known[seen] = (at, key)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return key


def _seen(request: Request, form: Form) -> bytes:
    peer = request.client.host if request.client else ""
    who = [peer, request.url.path, *(request.headers.get(name, "") for name in _WHO)]
    return sha256(repr((who, form)).encode()).digest()
