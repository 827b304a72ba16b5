"""The OpenAPI 3.1 document of what `collect` offers to programs, generated from its bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.contracts.answering import (
    LONGEST_SPAN,
    KeptFeedback,
    KeptResponse,
    NewFeedback,
    NewResponse,
    Silences,
)
from shared.contracts.api import Problem

Document = dict[str, Any]
_WHERE = "#/components/schemas/{model}"
_PROBLEMS = {
    "400": "The Idempotency-Key is absent or too long.",
    "401": "The bearer token is absent or unknown.",
    "403": "The bearer token lacks the scope.",
    "413": "The body is too large.",
    "422": "The body says something that cannot be kept; `title` says what would be right.",
    "429": "The token writes too often; `Retry-After` says in how many seconds to send it again.",
    "503": "The database is away and nothing was kept: send the same again later.",
}


@dataclass(frozen=True, slots=True)
class Write:
    """A POST: what it takes, what it gives back, and the scope its bearer token needs."""

    path: str
    name: str
    summary: str
    scope: str
    takes: type[BaseModel]
    gives: type[BaseModel]


RESPONSES = Write(
    path="/v1/responses",
    name="createResponse",
    summary="Keep an answer to a survey",
    scope="responses:write",
    takes=NewResponse,
    gives=KeptResponse,
)
FEEDBACK = Write(
    path="/v1/feedback",
    name="createFeedback",
    summary="Keep something that a customer said unasked",
    scope="feedback:write",
    takes=NewFeedback,
    gives=KeptFeedback,
)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Chosen by the caller for what it sends: the same again changes nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


SILENCE_PATH, SILENCE_SCOPE = "/v1/silence", "responses:read"
_READING = {
    "400": f"`days` is no whole number from 1 to {LONGEST_SPAN}.",
    **{status: _PROBLEMS[status] for status in ("401", "403")},
    "503": "The database is away.",
}


def document() -> Document:
    """Return the document."""
    bodies: list[type[BaseModel]] = [NewResponse, NewFeedback, KeptResponse, KeptFeedback]
    bodies += [Silences, Problem]
    _, schemas = models_json_schema([(each, "validation") for each in bodies], ref_template=_WHERE)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Touchback: answers from programs", "version": "1.0.0"},
        "paths": {
            **{each.path: {"post": _write(each)} for each in (RESPONSES, FEEDBACK)},
            SILENCE_PATH: {"get": _silence()},
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _write(each: Write) -> Document:
    return {
        "operationId": each.name,
        "summary": each.summary,
        "description": f"The token needs the scope `{each.scope}`.",
        "security": [{"token": [each.scope]}],
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": _content("application/json", each.takes)},
        "responses": {
            "201": {
                "description": "It is kept, now or by an earlier request with this key.",
                "content": _content("application/json", each.gives),
            },
            **{status: _problem(text) for status, text in _PROBLEMS.items()},
        },
    }


def _silence() -> Document:
    days = {"type": "integer", "minimum": 1, "maximum": LONGEST_SPAN, "default": 30}
    return {
        "operationId": "readSilence",
        "summary": "What became of the asks of the last days, by touchpoint",
        "description": f"The token needs the scope `{SILENCE_SCOPE}`.",
        "security": [{"token": [SILENCE_SCOPE]}],
        "parameters": [{"name": "days", "in": "query", "schema": days}],
        "responses": {
            "200": {
                "description": "The counts as they are now.",
                "content": _content("application/json", Silences),
            },
            **{status: _problem(text) for status, text in _READING.items()},
        },
    }


def _problem(text: str) -> Document:
    return {"description": text, "content": _content("application/problem+json", Problem)}


def _content(media_type: str, body: type[BaseModel]) -> Document:
    return {media_type: {"schema": {"$ref": _WHERE.format(model=body.__name__)}}}
