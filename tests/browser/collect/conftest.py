"""The survey pages over a real database; every test asks customers of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest_asyncio

from services.collect import decide, store
from services.collect.app import MIGRATIONS, build
from services.collect.model import InvitationId
from shared import db, migrate
from shared.links import Links
from tests.browser.server import serving
from tests.integration.collect.service import KEY, settings_for
from tests.support.clock import START, ManualClock
from tests.support.databases import Databases
from tests.unit.collect.facts import POLICY, an_invitation

TOUCHPOINTS = {each.survey: each.touchpoint for each in POLICY.touchpoints.values() if each.survey}


@dataclass(slots=True)
class Collect:
    """The service, and what `ask` and time did to its customers."""

    address: str
    database: db.Database
    _numbers: count[int] = field(default_factory=count)

    async def ask(self, survey: str = "support-nps", **changes: Any) -> str:
        """Invite a new customer; returns the id of the invitation."""
        asked = InvitationId(f"i-{next(self._numbers)}")
        facts = {"touchpoint": TOUCHPOINTS[survey], "survey": survey, "invitation_id": asked}
        async with self.database.transaction() as connection:
            await store.save_invitations(connection, [an_invitation(**{**facts, **changes})])
        return asked

    async def answered(self, score: int, survey: str = "support-nps", **ago: int) -> str:
        """Invite a customer who answered so long ago; returns the id of the invitation."""
        asked = await self.ask(survey)
        then = START - timedelta(**ago)
        async with self.database.transaction() as connection:
            invitation = await store.invitation(connection, InvitationId(asked))
            assert invitation
            given = decide.first_score(invitation, POLICY.surveys[survey], score, "en", then)
            await store.add(connection, [given], then)
        return asked

    def link(self, asked: str, rest: str = "", purpose: str = "survey") -> str:
        """A link as it stands in a mail."""
        room = "s" if purpose == "survey" else purpose
        return f"{self.address}/{room}/{Links([KEY]).sign(purpose, asked)}{rest}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def collect(databases: Databases) -> AsyncIterator[Collect]:
    async with databases.one() as dsn:
        await migrate.apply(dsn, "collect", MIGRATIONS)
        database = db.Database(dsn, "collect")
        await database.open()
        with serving(build(settings_for(dsn), ManualClock())) as address:
            yield Collect(address, database)
        await database.close()
