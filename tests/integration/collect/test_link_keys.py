"""Keys of links rotate: an old link opens as long as its key is listed, and then says so kindly."""

from __future__ import annotations

import pytest

from shared.links import Links
from tests.integration.collect.service import KEY, started
from tests.support.clock import ManualClock

NEW = "n" * 32


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(f"{KEY},{NEW}", id="before the new one signs"),
        pytest.param(f"{NEW},{KEY}", id="while the new one signs"),
    ],
)
async def test_links_of_both_keys_open_and_count_while_both_are_listed(
    migrated: str, clock: ManualClock, keys: str
) -> None:
    async with started(migrated, clock, link_keys=keys) as collect:
        await collect.invite()
        await collect.invite(id="e-2", invitation_id="i-2", customer_id="c-2")
        for signed_by, invitation in ((KEY, "i-1"), (NEW, "i-2")):
            page = f"/s/{Links([signed_by]).sign('survey', invitation)}"
            assert (await collect.browser.get(page)).status_code == 200
            assert (await collect.browser.post(page, data={"score": "9"})).status_code == 303
            stop = f"/stop/{Links([signed_by]).sign('stop', invitation)}"
            assert (await collect.browser.post(stop)).status_code == 200
        assert [score for _, score in await collect.said()] == [9, 9]
        assert len(await collect.opt_outs()) == 2


async def test_the_link_of_a_key_that_was_taken_away_leads_to_another_way_to_be_heard(
    migrated: str, clock: ManualClock
) -> None:
    async with started(migrated, clock, link_keys=NEW) as collect:
        await collect.invite()
        for page in (collect.page, "/stop/" + Links([KEY]).sign("stop", "i-1")):
            shown = await collect.browser.get(page)
            assert shown.status_code == 404
            assert "We do not know this link" in shown.text
            assert 'href="/f' in shown.text
            assert (await collect.browser.post(page, data={"score": "9"})).status_code == 404
        assert (await collect.said(), await collect.opt_outs()) == ([], [])
