"""Who may talk to whom in the chart: all else is denied."""

from __future__ import annotations

import pytest

from tests.deploy import tools
from tests.deploy.test_chart import SERVICES
from tests.deploy.tools import Object, environment, one, pods

pytestmark = [tools.needed, pytest.mark.timeout(900)]


def allowed(objects: list[Object], service: str) -> dict[int | str, list[Object]]:
    """Port -> peers that a service's pods may call; an empty list is anybody."""
    policy = one(objects, "NetworkPolicy", f"touchback-{service}")["spec"]
    return {port["port"]: rule.get("to", []) for rule in policy["egress"] for port in rule["ports"]}


def test_nothing_talks_to_anything_that_is_not_named(objects: list[Object]) -> None:
    deny = one(objects, "NetworkPolicy", "touchback-deny")["spec"]
    assert (deny["policyTypes"], set(deny)) == (
        ["Ingress", "Egress"],
        {"podSelector", "policyTypes"},
    )
    stores, mail = {53, 9092, 5432}, {25, 465, 587}
    ports = {name: set(allowed(objects, name)) for name in (*SERVICES, "migrate")}
    assert ports == {
        "listen": stores,
        "ask": stores | mail | {443},
        "collect": stores,
        "route": stores | mail | {443},
        "close": stores | {443},
        "console": stores | {"http"},
        "migrate": stores,
    }
    private = allowed(objects, "route")[443][0]["ipBlock"]["except"]
    assert "169.254.0.0/16" in private
    names = one(objects, "NetworkPolicy", "touchback-ask")["spec"]["egress"][0]["ports"]
    assert {each["protocol"] for each in names} == {"UDP", "TCP"}


def test_peers_may_be_named(chart: Object) -> None:
    found = allowed(chart["objects"]["kafka-with-certificates"], "listen")
    assert found[9093][0]["namespaceSelector"]
    assert found[5432] == [{"ipBlock": {"cidr": "10.20.0.0/24"}}]


def test_policies_choose_the_pods_they_are_for(objects: list[Object]) -> None:
    made = pods_by_labels(objects)
    for name in (*SERVICES, "migrate"):
        chosen = one(objects, "NetworkPolicy", f"touchback-{name}")["spec"]["podSelector"]
        wanted = chosen["matchLabels"].items()
        assert [each for each, labels in made.items() if wanted <= labels.items()] == [name]
    deny = one(objects, "NetworkPolicy", "touchback-deny")["spec"]["podSelector"]["matchLabels"]
    assert all(deny.items() <= labels.items() for labels in made.values())


def pods_by_labels(objects: list[Object]) -> dict[str, Object]:
    """Component -> labels of its pods."""
    templates = [
        each["spec"]["template"] for each in objects if each["kind"] in ("Deployment", "Job")
    ]
    labels = [each["metadata"]["labels"] for each in templates]
    return {each["app.kubernetes.io/component"]: each for each in labels}


def test_a_collector_of_traces_is_reached_where_one_is_named(
    chart: Object, objects: list[Object]
) -> None:
    traced = chart["objects"]["tracing"]
    for name in SERVICES:
        given = environment(pods(traced)[f"touchback-{name}"])
        assert given["TOUCHBACK_OTLP_ENDPOINT"].endswith(":4318")
        (peer,) = allowed(traced, name)[4318]
        assert "observability" in peer["namespaceSelector"]["matchLabels"].values()
        assert "TOUCHBACK_OTLP_ENDPOINT" not in environment(pods(objects)[f"touchback-{name}"])


def test_name_servers_may_be_a_nodes_own_and_listen_elsewhere(chart: Object) -> None:
    names = one(chart["objects"]["tracing"], "NetworkPolicy", "touchback-ask")["spec"]["egress"][0]
    assert {(each["port"], each["protocol"]) for each in names["ports"]} == {
        (port, protocol) for port in (53, 5353) for protocol in ("UDP", "TCP")
    }
    assert names["to"] == [{"ipBlock": {"cidr": "169.254.20.10/32"}}]


def callers(objects: list[Object], service: str) -> set[str]:
    """Namespaces whose pods may call a service."""
    (rule,) = one(objects, "NetworkPolicy", f"touchback-{service}")["spec"]["ingress"]
    peers = [each.get("namespaceSelector", {}).get("matchLabels", {}) for each in rule["from"]]
    return {name for each in peers for name in each.values()}


def test_an_api_is_open_to_those_inside_the_cluster_that_are_named(
    chart: Object, objects: list[Object]
) -> None:
    assert callers(objects, "ask") == {"monitoring"}
    assert callers(chart["objects"]["tracing"], "ask") == {"monitoring", "marketing"}
    assert callers(chart["objects"]["tracing"], "route") == {"monitoring"}
