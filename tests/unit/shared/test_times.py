"""Histograms out of the database: counted, cumulated, with an example where there is one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.samples import Exemplar

from shared.catalog import Channel, InvalidCatalog, Targets, Team, load_files
from shared.catalog.targets import STANDARD, boundaries, further, nearest
from shared.tallies import Tally
from shared.times import Times, bucket
from tests.support.catalogs import catalog_files

TIMES = Times("case_time_to_contact", "How long.", ("team",))
EDGES = (60, 3600)


def shown(*seconds: float, edges: tuple[int, ...] = EDGES) -> dict[str, float]:
    tally = Tally()
    for each in seconds:
        TIMES.count(tally, ("care",), each, EDGES)
    counts: dict[str, dict[tuple[str, ...], float]] = {}
    for (name, labels), value in tally.counts.items():
        counts.setdefault(name, {})[labels] = value
    family = TIMES.family(counts, [("care",)], edges)
    return {
        sample.labels.get("le", sample.name.rpartition("_")[2]): sample.value
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("seconds", "edge"),
    [(0.0, "60"), (60.0, "60"), (60.001, "3600"), (3600.0, "3600"), (3600.5, "+Inf")],
)
def test_a_time_falls_into_the_bucket_whose_edge_it_does_not_pass(
    seconds: float, edge: str
) -> None:
    assert bucket(seconds, EDGES) == edge


def test_buckets_add_up_and_the_sum_keeps_fractions() -> None:
    assert shown(0.25, 61.0, 9999.0) == {
        "60.0": 1, "3600.0": 2, "+Inf": 3, "count": 3, "sum": 10060.25,
    }  # fmt: skip


def test_before_the_first_case_everything_is_zero() -> None:
    assert shown() == {"60.0": 0, "3600.0": 0, "+Inf": 0, "count": 0, "sum": 0}


def test_a_boundary_that_the_catalog_gave_up_stays() -> None:
    assert shown(30.0, edges=(3600,)) == {
        "60.0": 1, "3600.0": 1, "+Inf": 1, "count": 1, "sum": 30,
    }  # fmt: skip


def test_a_bucket_carries_the_trace_of_its_example() -> None:
    example = Exemplar({"trace_id": "ab" * 16}, 0.2)
    family = TIMES.family({}, [("care",)], EDGES, {(("care",), "60"): example})
    assert [each.exemplar for each in family.samples][:2] == [example, None]


def test_every_target_is_a_boundary() -> None:
    mailbox = Channel(channel="mail", kind="email", address="care@shop.example")
    targets = {"normal": Targets(contact=timedelta(hours=7))}
    team = Team(team="care", name="Care", channels=(mailbox,), targets=targets)
    assert further([team]) == {7 * 3600}
    assert {7 * 3600, *STANDARD} == set(boundaries([team]))
    assert nearest(7 * 3600) == 8 * 3600


def test_more_unusual_targets_than_histograms_have_room_for_are_a_finding() -> None:
    teams = "".join(
        f"- team: {name}\n"
        f"  name: Team\n"
        f"  channels: [{{channel: {name}, kind: email, address: a@shop.example}}]\n"
        f"  targets: {{normal: {{contact: {hours}h, resolve: 6d}}}}\n"
        for name, hours in (("care", 5), ("parcels", 6), *((f"t{n}", n) for n in range(13, 19)))
    )
    with pytest.raises(InvalidCatalog) as caught:
        load_files(catalog_files({"teams.yaml": teams}))
    assert [str(each) for each in caught.value.findings] == [
        "teams.yaml:32: a target of 18h makes more than 8 unusual ones, each of which is"
        " a series more in every histogram: make it 12h",
    ]
