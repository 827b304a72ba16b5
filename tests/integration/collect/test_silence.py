"""Silence is counted: asked, reached, answered, silent, and who may still answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.links import Links
from tests.integration.collect.service import KEY, TOKEN, Collect
from tests.support.clock import START


async def silence(collect: Collect, query: str = "", token: str = TOKEN) -> httpx.Response:
    """Ask for the counts."""
    headers = {"authorization": f"Bearer {token}"}
    return await collect.browser.get(f"/v1/silence{query}", headers=headers)


async def ask(collect: Collect, number: int, state: str = "sent", **changes: Any) -> str:
    """Let an invitation arrive; returns its page."""
    name = f"i-{number}"
    await collect.invite(state, id=f"e-{number}", invitation_id=name, **changes)
    return f"/s/{Links([KEY]).sign('survey', name)}"


async def test_each_ask_is_counted_by_what_became_of_it(collect: Collect) -> None:
    soon = START + timedelta(hours=1)
    finished = await ask(collect, 1, expires_at=soon)
    unfinished = await ask(collect, 2)
    await ask(collect, 3, expires_at=soon)
    await ask(collect, 4, "reminded")
    await ask(collect, 5, "failed")
    await ask(collect, 6, "cancelled")
    await ask(collect, 7, "scheduled")
    await ask(collect, 8, occurred_at=START - timedelta(days=60))
    await collect.browser.post(finished, data={"score": "2"})
    await collect.browser.post(f"{finished}/more", data={"comment": "slow"})
    await collect.browser.post(unfinished, data={"score": "2"})
    collect.clock.advance(timedelta(hours=2))

    said = (await silence(collect)).json()

    assert said["touchpoints"] == [
        {
            "touchpoint": "support-closed",
            "asked": 7,
            "delivered": 4,
            "failed": 1,
            "cancelled": 1,
            "answered": 2,
            "unfinished": 1,
            "silent": 1,
            "waiting": 1,
        }
    ]
    assert (await silence(collect, "?days=90")).json()["touchpoints"][0]["asked"] == 8


@pytest.mark.parametrize("days", ["0", "401", "x", "1.5", "²", ""])
async def test_a_span_that_is_none_is_refused(collect: Collect, days: str) -> None:
    refused = await silence(collect, f"?days={days}")
    assert (refused.status_code, refused.headers["content-type"]) == (
        400,
        "application/problem+json",
    )


async def test_only_a_token_for_reading_may_ask(collect: Collect) -> None:
    assert (await silence(collect, token="other")).status_code == 403
    assert (await silence(collect, token="wrong")).status_code == 401
