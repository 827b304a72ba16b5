"""Asks that nobody answers: said once when their time is over, and never of those answered."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from services.ask import people
from services.ask.expiry import ON_THE_WAY, Expiry
from shared import tallies
from shared.contracts.responses import Response
from tests.integration.ask.ground import PII, Post, events, said_of, tell
from tests.integration.ask.test_afterwards import REMINDER, report
from tests.integration.ask.test_channels import NOTICE
from tests.support.catalogs import SURVEY
from tests.support.clock import START
from tests.unit.ask.moments import POLICY, a_catalog, a_profile, a_signal, an_answer

FORTNIGHT = timedelta(days=14)
TICK = timedelta(microseconds=1)


async def asked(post: Post, channels: str = "email", more: str = "") -> None:
    """An ask was sent at START, to be answered within two weeks."""
    post.use(channels, more)
    await post.plan(about="o1")
    await post.sender(channels).step()


async def heard(post: Post, answer: Response) -> None:
    """The answer arrives."""
    await tell(post.pool, post.desk(), answer)


async def expired(post: Post) -> int:
    """How many asks the loop says it of, now."""
    return await Expiry(post.pool, post.clock).step()


async def counted(post: Post) -> dict[tuple[str, ...], float]:
    async with post.pool.connection() as connection:
        return dict((await tallies.read(connection)).get("invitations_expired", {}))


@pytest.mark.parametrize(
    ("after", "found"),
    [
        pytest.param(ON_THE_WAY, 0, id="the last answer may still be on its way"),
        pytest.param(ON_THE_WAY + TICK, 1, id="just after that"),
    ],
)
async def test_an_ask_expires_when_its_time_to_answer_is_over(
    post: Post, after: timedelta, found: int
) -> None:
    await asked(post)
    post.clock.advance(FORTNIGHT + after)
    assert [await expired(post), await expired(post)] == [found, 0]
    assert await events(post.pool) == ["sent", "expired"][: 1 + found]
    assert await counted(post) == ({("delivered",): 1} if found else {})


async def test_what_is_said_of_it_is_the_ask_as_it_was_sent(post: Post) -> None:
    await asked(post)
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    await expired(post)
    sent, over = await said_of(post.pool, "sent"), await said_of(post.pool, "expired")
    assert over.expires_at == sent.expires_at == START + FORTNIGHT
    assert over == sent.model_copy(update={"at": post.clock.now()})


async def test_an_ask_that_was_answered_does_not_expire(post: Post) -> None:
    await asked(post)
    await heard(post, an_answer(await post.invitation()))
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    assert await expired(post) == 0


async def test_an_answer_that_is_heard_before_the_send_was_written_down_counts(post: Post) -> None:
    post.use("email")
    await post.plan()
    await heard(post, an_answer(await post.invitation()))
    await post.sender("email").step()
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    assert (await expired(post), await events(post.pool)) == (0, ["sent"])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda id: an_answer(id, score=None), id="a page that was only begun"),
        pytest.param(lambda id: an_answer(str(uuid4())), id="another ask"),
        pytest.param(lambda id: an_answer("no id of ours"), id="no ask at all"),
    ],
)
async def test_what_is_no_answer_to_it_keeps_no_ask_from_expiring(post: Post, answer) -> None:  # type: ignore[no-untyped-def]  # a function of the id, made by the parameter
    await asked(post)
    await heard(post, answer(await post.invitation()))
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    assert await expired(post) == 1


async def test_an_ask_that_bounced_reached_nobody_who_could_be_silent(post: Post) -> None:
    await asked(post)
    await report(post, "hard_bounce")
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    assert (await expired(post), await events(post.pool)) == (0, ["sent", "failed"])


async def test_a_notice_awaits_no_answer(post: Post) -> None:
    post.use("email", NOTICE % "email")
    card = a_profile(PII.encrypt("kim@example.com"), "kim")
    await tell(post.pool, post.desk(), card, a_signal(customer="kim", name="order.returned"))
    assert await post.sender("email").step()
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    assert (await expired(post), len(post.mails.mails)) == (0, 1)


async def test_nobody_knows_who_kept_silent_about_an_anonymous_survey(post: Post) -> None:
    files = {"surveys/delivery.yaml": SURVEY + "anonymous: true\n", "policy.yaml": POLICY}
    post.catalog = a_catalog(files)
    await post.plan()
    assert await post.sender("email").step()
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    assert (await expired(post), await events(post.pool)) == (0, ["sent"])


async def test_a_reminder_gives_no_more_time(post: Post) -> None:
    await asked(post, more=REMINDER)
    post.clock.advance(timedelta(days=3))
    assert await post.sender("email").step()
    post.clock.advance(FORTNIGHT - timedelta(days=3) + ON_THE_WAY + TICK)
    assert (await expired(post), await events(post.pool)) == (1, ["sent", "reminded", "expired"])


async def test_nothing_is_said_of_who_was_erased(post: Post) -> None:
    await asked(post)
    async with post.pool.transaction() as connection:
        await people.erase(connection, "kim", post.clock.now())
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    assert await expired(post) == 0


async def test_two_replicas_say_it_once(post: Post) -> None:
    await asked(post)
    post.clock.advance(FORTNIGHT + timedelta(days=1))
    found = await asyncio.gather(expired(post), expired(post), expired(post))
    assert sum(found) == 1
