"""Low scores open and join cases, once each, in one transaction per batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared import db
from shared.contracts.envelope import Event, stable_id
from shared.contracts.responses import Response
from tests.integration.route.ground import (
    case_events,
    completed,
    counted,
    from_close,
    rows,
    said,
    take,
)
from tests.unit.route.catalogs import AT, catalog, hook, response, team

CATALOG = catalog(
    {
        "team": "care",
        "routes": [{"when": 'response.touchpoint == "delivered"', "team": "delivery"}],
    },
    team("care", hook("hook", "http://127.0.0.1:1/"), hook("log", "http://127.0.0.1:1/log")),
    team("delivery"),
)


async def test_a_low_score_opens_a_case_and_owes_an_alert_to_each_channel(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response()))

    assert await said(route_db) == {"case.opened.v1": 1, "alert.queued.v1": 2}
    alerts = await rows(route_db, "deliveries", "channel")
    assert [(row["channel"], row["state"], row["next_at"]) for row in alerts] == [
        ("hook", "due", AT),
        ("log", "due", AT),
    ]
    assert await counted(route_db, "cases_opened") == {("care", "normal"): 1}


async def test_of_several_low_scores_in_one_batch_the_first_opens_and_the_others_join(
    route_db: db.Database,
) -> None:
    batch = [completed(response(f"r{n}")) for n in range(3)]

    await take(route_db, CATALOG, *batch, completed(response("other", customer_id="c2")))

    assert await said(route_db) == {
        "case.opened.v1": 2,
        "case.attached.v1": 2,
        "alert.queued.v1": 4,
    }
    joined = await case_events(route_db, "attached")
    assert {event.case_id for event in joined} == {stable_id("case", "r0")}
    assert [event.score.response_id for event in joined] == ["r1", "r2"]
    assert await counted(route_db, "cases_attached") == {("care", "normal"): 2}


async def test_a_low_score_joins_the_case_that_an_earlier_batch_opened(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    await take(route_db, CATALOG, completed(response("r2")), now=AT + timedelta(days=1))

    (opened,), (joined,) = (
        await case_events(route_db, "opened"),
        await case_events(route_db, "attached"),
    )
    assert joined.case_id == opened.case_id
    assert joined.deadlines == opened.deadlines
    assert joined.routing_path == opened.routing_path
    assert len(await rows(route_db, "deliveries")) == 2


@pytest.mark.parametrize("what", ["completed", "amended", "received", "started"])
async def test_what_is_said_again_of_a_routed_response_changes_nothing(
    route_db: db.Database, what: str
) -> None:
    await take(route_db, CATALOG, completed(response()))
    before = await said(route_db)

    await take(route_db, CATALOG, completed(response(score=1), what))

    assert await said(route_db) == before


async def test_a_score_corrected_to_low_after_completion_opens_a_case_once(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response(score=8, band="mid")))
    assert await said(route_db) == {}

    for _ in range(2):
        await take(route_db, CATALOG, completed(response(), "amended"))

    assert (await said(route_db))["case.opened.v1"] == 1


async def test_after_close_has_closed_a_case_the_next_low_score_opens_a_new_one(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (first,) = await case_events(route_db, "opened")

    await take(route_db, CATALOG, from_close(first, "closed", version=5, state="closed"))
    await take(route_db, CATALOG, completed(response("r2")))

    opened = await case_events(route_db, "opened")
    assert [event.case_id for event in opened] == [stable_id("case", "r1"), stable_id("case", "r2")]


async def test_news_about_a_case_that_is_older_than_what_is_known_is_passed_over(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (case,) = await case_events(route_db, "opened")
    closed = from_close(case, "closed", version=5, state="closed")
    acknowledged = from_close(case, "acknowledged", version=2, state="acknowledged")

    await take(route_db, CATALOG, closed, acknowledged)
    await take(route_db, CATALOG, acknowledged)

    (row,) = await rows(route_db, "cases")
    assert (row["state"], row["open"], row["version"]) == ("closed", False, 5)


async def test_a_joining_score_shows_the_state_and_team_that_close_gave_the_case(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (case,) = await case_events(route_db, "opened")
    moved = from_close(case, "reassigned", version=3, state="acknowledged", team="delivery")

    await take(route_db, CATALOG, moved, completed(response("r2")))

    (joined,) = await case_events(route_db, "attached")
    assert (joined.state, joined.team) == ("acknowledged", "delivery")


async def test_a_reopened_case_leaves_the_newer_open_one_alone(route_db: db.Database) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (first,) = await case_events(route_db, "opened")
    await take(route_db, CATALOG, from_close(first, "closed", version=2, state="closed"))
    await take(route_db, CATALOG, completed(response("r2")))

    await take(route_db, CATALOG, from_close(first, "reopened", version=3, state="assigned"))
    await take(route_db, CATALOG, completed(response("r3")))

    (joined,) = await case_events(route_db, "attached")
    assert joined.case_id == stable_id("case", "r2")


async def test_a_low_score_after_the_resolution_alerts_the_team_again_once(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (case,) = await case_events(route_db, "opened")
    resolved = from_close(case, "resolved", version=4, state="resolved")

    await take(route_db, CATALOG, resolved, completed(response("r2")), completed(response("r3")))

    alerts = {row["alert_id"]: row for row in await rows(route_db, "deliveries")}
    assert len(alerts) == 4
    again = alerts[stable_id("alert", case.case_id, "hook", "r2")]
    assert (again["state"], again["response_id"]) == ("due", "r2")
    assert (await said(route_db))["alert.queued.v1"] == 4
    assert (await said(route_db))["case.attached.v1"] == 2


@pytest.mark.parametrize("heard_before", [True, False], ids=["known here", "not known here"])
async def test_what_close_reopens_for_a_low_score_is_alerted_once_wherever_it_was_seen_first(
    route_db: db.Database, heard_before: bool
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (case,) = await case_events(route_db, "opened")
    if heard_before:
        await take(route_db, CATALOG, from_close(case, "resolved", version=4, state="resolved"))
    await take(route_db, CATALOG, completed(response("r2")))
    (joined,) = await case_events(route_db, "attached")
    back = from_close(joined, "attached", version=5, previous="resolved", state="assigned")

    await take(route_db, CATALOG, back)

    assert len(await rows(route_db, "deliveries")) == 4
    assert (await said(route_db))["alert.queued.v1"] == 4


@pytest.mark.parametrize("what", ["attached", "rescored"])
@pytest.mark.parametrize("over", ["closed", "corrected"])
async def test_a_low_score_that_brings_back_a_case_that_is_over_is_alerted(
    route_db: db.Database, over: str, what: str
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (case,) = await case_events(route_db, "opened")
    await take(route_db, CATALOG, completed(response("r2")))
    (joined,) = await case_events(route_db, "attached")
    last = joined if what == "attached" else case
    await take(
        route_db,
        CATALOG,
        from_close(case, over, version=2, previous="assigned", state=over),
        from_close(last, what, version=3, previous=over, state="assigned"),
    )

    told = [row["notice"]["type"] for row in await rows(route_db, "deliveries", "created_at, rank")]
    assert sorted(told) == ["case.opened"] * 2 + ["case.reopened"] * 2
    await take(route_db, CATALOG, completed(response("r3")))
    assert (await said(route_db))["case.opened.v1"] == 1


async def test_what_close_says_of_a_score_that_joined_a_case_at_work_alerts_nobody(
    route_db: db.Database,
) -> None:
    await take(route_db, CATALOG, completed(response("r1")), completed(response("r2")))
    (joined,) = await case_events(route_db, "attached")

    await take(
        route_db,
        CATALOG,
        from_close(joined, "attached", version=2, previous="assigned", state="assigned"),
    )

    assert len(await rows(route_db, "deliveries")) == 2


AGAIN = catalog(
    {"team": "care", "priorities": [{"when": "response.low_scores >= 2", "priority": "high"}]},
    team("care", hook("hook", "http://127.0.0.1:1/")),
)
AGAIN_AT_THREE = {
    "team": "care",
    "priorities": [{"when": "response.low_scores >= 3", "priority": "high"}],
}


async def test_a_second_low_score_raises_its_case_once_whatever_close_still_says(
    route_db: db.Database,
) -> None:
    await take(route_db, AGAIN, completed(response("r1")))
    (case,) = await case_events(route_db, "opened")
    await take(route_db, AGAIN, completed(response("r2")), completed(response("r3")))
    await take(route_db, AGAIN, from_close(case, "warned", version=2))
    await take(route_db, AGAIN, completed(response("r4")))

    joined = await case_events(route_db, "attached")
    assert [each.raised_from for each in joined] == ["normal", None, None]
    assert {each.priority for each in joined} == {"high"}
    alerts = await rows(route_db, "deliveries", "created_at, alert_id")
    assert sorted(row["notice"]["type"] for row in alerts) == ["case.opened", "case.raised"]
    # The first one had not left yet: it goes out as urgent as its case is by now.
    assert {row["priority"] for row in alerts} == {"high"}
    assert {row["notice"]["priority"] for row in alerts} == {"high"}


async def test_low_scores_that_joined_a_case_count_for_the_next_one(route_db: db.Database) -> None:
    third = catalog(AGAIN_AT_THREE, team("care", hook("hook", "http://127.0.0.1:1/")))
    await take(route_db, third, completed(response("r1")), completed(response("r2")))
    await take(route_db, third, completed(response("r3", touchpoint="delivered")))

    assert [each.priority for each in await case_events(route_db, "opened")] == ["normal", "high"]


@pytest.mark.parametrize(
    ("what", "changes", "told"),
    [
        ("reopened", {"previous": "resolved"}, "care"),
        ("reassigned", {"team": "delivery", "reason": "handed_over"}, "delivery"),
        ("escalated", {"escalated_to": "delivery"}, "delivery"),
    ],
)
async def test_a_case_that_comes_to_a_team_is_told_to_it(
    route_db: db.Database, what: str, changes: dict[str, Any], told: str
) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (opened,) = await case_events(route_db, "opened")
    before = {row["alert_id"] for row in await rows(route_db, "deliveries")}

    event = from_close(opened, what, version=4, state="assigned", **changes)
    await take(route_db, CATALOG, event)
    await take(route_db, CATALOG, event)

    new = [row for row in await rows(route_db, "deliveries") if row["alert_id"] not in before]
    assert new
    assert {row["team"] for row in new} == {told}
    assert {row["notice"]["type"] for row in new} == {f"case.{what}"}


async def test_its_own_words_on_the_topic_are_not_news(route_db: db.Database) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    (case,) = await case_events(route_db, "opened")
    own = from_close(case, "closed", version=9, state="closed")

    await take(route_db, CATALOG, Event(own.id, "touchback/route", own.type, "c", AT, own.body))

    assert (await rows(route_db, "cases"))[0]["open"]


async def test_a_failing_rule_sends_the_case_to_the_fallback_team_and_is_counted(
    route_db: db.Database,
) -> None:
    broken = catalog(
        {"team": "care", "routes": [{"when": "response.attributes.vip == true", "team": "billing"}]}
    )

    await take(route_db, broken, completed(response()))

    (case,) = await case_events(route_db, "opened")
    assert (case.team, case.reason) == ("care", "rule_error")
    assert await counted(route_db, "rule_errors") == {(): 1}


@pytest.mark.parametrize(
    ("said", "type"),
    [
        pytest.param(response(band="high", score=9), "score.high", id="a high score"),
        pytest.param(response(unlinked=True, anonymous=True), "score.low", id="one of nobody"),
    ],
)
async def test_a_failing_rule_drops_nothing_that_opens_no_case_and_is_counted(
    route_db: db.Database, said: Response, type: str
) -> None:
    vip = "response.attributes.vip == true"
    broken = catalog(
        {
            "team": "care",
            "advocacy": {"team": "care", "when": vip},
            "routes": [{"when": vip, "team": "billing"}],
        }
    )

    await take(route_db, broken, completed(said))

    (alert,) = await rows(route_db, "deliveries")
    assert (alert["team"], alert["notice"]["type"]) == ("care", type)
    assert await counted(route_db, "rule_errors") == {(): 1}


async def test_of_two_routers_at_once_only_one_opens_the_case(route_db: db.Database) -> None:
    await take(route_db, CATALOG, completed(response("r1")))
    async with route_db.transaction() as connection:
        await connection.execute("update cases set open = false")
        # As seen by a router that loaded its facts before the other one committed.
        await connection.execute(
            "insert into cases select 'elsewhere', customer_id, touchpoint, state, true, 1, team,"
            " priority, opened_at, snapshot from cases"
        )
    with pytest.raises(asyncpg.UniqueViolationError):
        async with route_db.transaction() as connection:
            await connection.execute("update cases set open = true")


async def test_a_low_score_that_nobody_may_be_known_for_is_told_to_its_team_without_a_case(
    route_db: db.Database,
) -> None:
    unlinked = response("r1", customer_id="anonymous-r1", anonymous=True, unlinked=True)

    await take(route_db, CATALOG, completed(unlinked), completed(unlinked))
    await take(route_db, CATALOG, completed(unlinked, "amended"))

    assert await said(route_db) == {}
    assert await rows(route_db, "cases") == []
    alerts = await rows(route_db, "deliveries")
    assert {row["notice"]["type"] for row in alerts} == {"score.low"}
    named = response("r2")
    await take(route_db, CATALOG, completed(named))
    told = [row for row in await rows(route_db, "deliveries") if row["response_id"] == "r2"]
    assert {row["channel"] for row in alerts} == {row["channel"] for row in told}
    assert {row["notice"]["score"]["score"] for row in alerts} == {unlinked.score}


async def test_answers_of_long_ago_alert_nobody_whatever_they_say(route_db: db.Database) -> None:
    imported = {"origin": "import"}
    low, praise = response("old", **imported), response("kind", band="high", score=10, **imported)

    await take(route_db, CATALOG, completed(low), completed(praise), completed(low, "amended"))

    assert await said(route_db) == {}
    assert await rows(route_db, "deliveries") == []
