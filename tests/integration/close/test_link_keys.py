"""Links that act on cases open as long as their key is listed."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
from starlette.applications import Starlette

from services.close.http.acting import Acting
from services.close.http.links import ActionLinks
from shared import db
from shared.contracts import actions
from shared.links import Links
from tests.integration.close.cases import POLICY, take, told
from tests.support.clock import ManualClock
from tests.unit.close.cases import an_event

OLD, NEW = "o" * 32, "n" * 32


@pytest.mark.parametrize(
    ("keys", "status", "words"),
    [
        pytest.param([OLD, NEW], 200, "Take the case", id="before the new one signs"),
        pytest.param([NEW, OLD], 200, "Take the case", id="while the new one signs"),
        pytest.param([NEW], 404, "This link does not work", id="when the old one is gone"),
    ],
)
async def test_a_link_of_an_old_key(
    close: db.Database, clock: ManualClock, keys: Sequence[str], status: int, words: str
) -> None:
    await take(close, told(an_event()))
    routes = ActionLinks(Acting(close, clock, lambda: POLICY), Links(keys), lambda: POLICY).routes()
    subject = actions.subject("acknowledge", "c1")
    transport = httpx.ASGITransport(Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://close") as client:
        page = await client.get(f"/a/{Links([OLD]).sign(actions.PURPOSE, subject)}")
    assert page.status_code == status
    assert words in page.text
