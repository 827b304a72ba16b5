"""The survey pages over a real database; every test asks customers of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from services.collect import decide, store
from services.collect.app import MIGRATIONS, build
from services.collect.model import InvitationId, More, Rating, Response
from shared import db, migrate
from shared.catalog.scales import EXPERIENCE_PARTS
from shared.links import Links
from tests.browser.server import serving
from tests.integration.collect.service import KEY, settings_for
from tests.support.catalogs import write_catalog
from tests.support.clock import START, ManualClock
from tests.support.databases import Databases
from tests.unit.close.cases import a_score, an_event
from tests.unit.collect.facts import FILES, POLICY, an_invitation

TOUCHPOINTS = {
    **{each.survey: each.touchpoint for each in POLICY.touchpoints.values() if each.survey},
    "ordering-ease": "delivered",
    "moving-in": "delivered",
    "open-word": "delivered",
}


@dataclass(slots=True)
class Collect:
    """The service, and what `ask` and time did to its customers; `away` has no database."""

    address: str
    away: str
    database: db.Database
    _numbers: count[int] = field(default_factory=count)

    async def ask(self, survey: str = "support-nps", **changes: Any) -> str:
        """Invite a new customer; returns the id of the invitation."""
        asked = InvitationId(f"i-{next(self._numbers)}")
        facts = {"touchpoint": TOUCHPOINTS[survey], "survey": survey, "invitation_id": asked}
        async with self.database.transaction() as connection:
            await store.save_invitations(connection, [an_invitation(**{**facts, **changes})])
        return asked

    async def answered(
        self, score: int, survey: str = "support-nps", more: More | None = None, **ago: int
    ) -> str:
        """Invite a customer who answered so long ago; returns the id of the invitation."""
        asked = await self.ask(survey)
        then = START - timedelta(**ago)
        async with self.database.transaction() as connection:
            invitation = await store.invitation(connection, InvitationId(asked))
            assert invitation
            parts = dict.fromkeys(EXPERIENCE_PARTS, score) if survey == "moving-in" else {}
            rating = Rating(score, parts)
            given = decide.first_score(invitation, POLICY.surveys[survey], rating, "en", then)
            await store.add(connection, [given], then)
            if more:
                await store.change(connection, [decide.more(given.response, more, then)], then)
        return asked

    async def unlinked(self, score: int, language: str) -> tuple[str, str]:
        """Let somebody answer under a promise; returns the ask's id and the answer's."""
        asked = InvitationId(await self.ask("open-word"))
        id = decide.unlinked_id(asked)
        survey = POLICY.surveys["open-word"]
        async with self.database.transaction() as connection:
            invitation = await store.invitation(connection, asked)
            assert invitation
            first = decide.first_score(invitation, survey, Rating(score), language, START)
            await store.add(connection, [decide.unlinked(first, id, "UTC")], START)
            await store.answered(connection, asked)
        return asked, id

    async def opened(self, asked: str) -> None:
        """Let `route` open a case for the answer, which its customer wants to hear about."""
        answer = await self.answer(asked)
        score = a_score(answer.response_id, START)
        async with self.database.transaction() as connection:
            await store.save_cases(
                connection, [an_event(f"c0ffee-{asked}", team="delivery-ops", score=score)]
            )
            final = decide.more(answer, More(contact_wanted=True), START)
            await store.change(connection, [final], START)

    async def stopped(self) -> str:
        """Invite a customer who wants no more questions; returns the id of the invitation."""
        asked = await self.ask()
        async with self.database.transaction() as connection:
            await store.opt_out(connection, InvitationId(asked), START, everything=True)
        return asked

    async def answer(self, asked: str) -> Response:
        """What is kept of the answer."""
        async with self.database.connection() as connection:
            found = await store.response_to(connection, InvitationId(asked))
        assert found
        return found

    async def said(self, asked: str) -> list[tuple[str, int | None]]:
        """What was published about the answer, as event and score."""
        wanted = decide.response_id(InvitationId(asked))
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "select type, convert_from(payload, 'utf8')::jsonb as body from outbox"
                " order by position"
            )
        return [
            (row["type"].split(".")[2], row["body"].get("score"))
            for row in rows
            if row["body"].get("response_id") == wanted
        ]

    def link(self, asked: str, rest: str = "", purpose: str = "survey") -> str:
        """A link as it stands in a mail."""
        room = "s" if purpose in ("survey", "answer") else purpose
        return f"{self.address}/{room}/{Links([KEY]).sign(purpose, asked)}{rest}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def collect(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Collect]:
    async with databases.one() as dsn:
        await migrate.apply(dsn, "collect", MIGRATIONS)
        database = db.Database(dsn, "collect")
        await database.open()
        catalog = write_catalog(tmp_path_factory.mktemp("catalog"), FILES)
        nowhere = settings_for("postgresql://nobody@127.0.0.1:1/nowhere", catalog)
        with (
            serving(build(settings_for(dsn, catalog), ManualClock())) as address,
            serving(build(nowhere, ManualClock())) as away,
        ):
            yield Collect(address, away, database)
        await database.close()
