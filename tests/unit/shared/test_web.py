"""Doors: who may come in, what is said to those who may not, what is measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry, Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from shared import web

TOKENS = {"reader": ("cases:read",), "actor": ("cases:read", "cases:act")}


async def act(request: Request) -> Response:
    web.require(request, TOKENS, "cases:act")
    return PlainTextResponse(web.idempotency_key(request))


async def holder(request: Request) -> Response:
    return PlainTextResponse(web.require(request, TOKENS, "cases:read"))


async def listing(request: Request) -> Response:
    return PlainTextResponse(str(web.limit(request, most=500)))


async def echo(request: Request) -> Response:
    return Response(await web.body(request, limit=10))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry) -> TestClient:
    histogram = Histogram("requests", "x", ("route", "method", "code"), registry=registry)
    routes = [
        Route("/cases/{id}", act, methods=["POST"]),
        Route("/echo", echo, methods=["POST"]),
        Route("/holder", holder),
        Route("/listing", listing),
    ]
    return TestClient(
        Starlette(
            routes=routes,
            exception_handlers={HTTPException: web.on_http_error},
            middleware=[Middleware(web.Timed, histogram=histogram, routes=routes)],
        )
    )


@pytest.mark.parametrize(
    ("headers", "status", "title"),
    [
        pytest.param({}, 401, "a bearer token is needed", id="no token"),
        pytest.param(
            {"authorization": "Bearer wrong"}, 401, "a bearer token is needed", id="wrong"
        ),
        pytest.param({"authorization": "Basic actor"}, 401, "a bearer token is needed", id="basic"),
        pytest.param(
            {"authorization": "Bearer reader"},
            403,
            "this token lacks the scope cases:act",
            id="scope",
        ),
        pytest.param(
            {"authorization": "Bearer actor"},
            400,
            "every write takes an Idempotency-Key header of 1 to 200 characters",
            id="no idempotency key",
        ),
    ],
)
def test_who_may_not_is_told_why_as_problem_details(
    client: TestClient, headers: dict[str, str], status: int, title: str
) -> None:
    response = client.post("/cases/1", headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {"type": "about:blank", "title": title, "status": status}


def test_who_may_comes_in(client: TestClient) -> None:
    headers = {"authorization": "Bearer actor", "idempotency-key": "k-1"}
    assert client.post("/cases/1", headers=headers).text == "k-1"


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
def test_a_body_is_read_up_to_its_limit(client: TestClient, size: int, status: int) -> None:
    assert client.post("/echo", content=b"x" * size).status_code == status


def test_holders_of_tokens_are_told_apart_without_keeping_the_token(client: TestClient) -> None:
    names = {
        token: client.get("/holder", headers={"Authorization": f"Bearer {token}"}).text
        for token in TOKENS
    }
    assert len(set(names.values())) == len(TOKENS) == 2
    assert not any(token in name for token, name in names.items())


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        pytest.param("", "100", id="none is a hundred"),
        pytest.param("?limit=1", "1", id="the least"),
        pytest.param("?limit=500", "500", id="the most"),
    ],
)
def test_a_list_is_as_long_as_asked(client: TestClient, query: str, answer: str) -> None:
    assert client.get(f"/listing{query}").text == answer


@pytest.mark.parametrize("given", ["0", "501", "-1", "", "ten", "١٢", "9" * 5000])
def test_any_other_limit_is_refused_with_what_would_be_right(
    client: TestClient, given: str
) -> None:
    refused = client.get("/listing", params={"limit": given})
    assert (refused.status_code, refused.json()["title"]) == (
        400,
        "limit is a whole number from 1 to 500",
    )


def test_requests_are_measured_by_template_and_strangers_together(
    client: TestClient, registry: CollectorRegistry
) -> None:
    for path in ("/cases/1", "/cases/2", "/nowhere", "/elsewhere"):
        client.post(path)
    assert (
        registry.get_sample_value(
            "requests_count", {"route": "/cases/{id}", "method": "POST", "code": "401"}
        )
        == 2
    )
    assert (
        registry.get_sample_value(
            "requests_count", {"route": "other", "method": "POST", "code": "404"}
        )
        == 2
    )


def says(names: list[str]) -> Callable[[], Awaitable[list[str]]]:
    async def missing() -> list[str]:
        return names

    return missing


def test_probes_are_well_while_nothing_is_missing() -> None:
    client = TestClient(Starlette(routes=web.probes(says([]), says([]), list)))
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_what_is_missing_makes_a_process_unready_but_not_dead() -> None:
    client = TestClient(Starlette(routes=web.probes(says(["kafka"]), says([]), list)))
    assert client.get("/health/live").status_code == 200
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "missing": ["kafka"]}


def test_people_are_still_sent_to_a_process_that_answers_without_kafka() -> None:
    kafka, postgres = says(["kafka"]), says(["postgres"])
    client = TestClient(Starlette(routes=web.probes(kafka, says([]), list)))
    assert client.get("/health/serving").status_code == 200
    client = TestClient(Starlette(routes=web.probes(kafka, postgres, list)))
    assert client.get("/health/serving").json()["missing"] == ["postgres"]


def test_a_stalled_loop_makes_a_process_dead() -> None:
    client = TestClient(Starlette(routes=web.probes(says([]), says([]), lambda: ["relay"])))
    assert client.get("/health/live").json() == {"status": "unavailable", "stalled": ["relay"]}
