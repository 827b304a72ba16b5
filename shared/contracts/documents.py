"""JSON Schemas, an AsyncAPI and an OpenAPI document, generated from the contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared import topics
from shared.contracts import openapi
from shared.contracts.registry import ALL

FOLDER = Path(__file__).parent / "schemas"
Document = dict[str, Any]


def schemas() -> dict[str, Document]:
    """Return the JSON Schema of each message body by model name."""
    bodies = {each.body.__name__: each.body for each in ALL}
    return {name: body.model_json_schema() for name, body in sorted(bodies.items())}


def asyncapi() -> Document:
    """Return the AsyncAPI 3.0 document: every topic, and the types of message that stand on it."""
    messages = {
        each.name: {
            "name": each.name,
            "contentType": "application/json",
            "bindings": {"kafka": {"key": {"type": "string", "description": "customer id"}}},
            "payload": {"$ref": f"./{each.body.__name__}.json"},
        }
        for each in ALL
    }
    channels = {topic.name: _channel(topic.name) for topic in topics.ALL}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Touchback", "version": "1.0.0"},
        "channels": channels,
        "components": {"messages": messages},
    }


def _channel(topic: str) -> Document:
    names = [each.name for each in ALL if each.topic == topic]
    return {
        "address": topic,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def documents() -> Mapping[str, str]:
    """Return the text of each file under `schemas/` by file name."""
    everything = {f"{name}.json": schema for name, schema in schemas().items()}
    everything["asyncapi.json"] = asyncapi()
    everything["openapi.json"] = openapi.document()
    return {name: json.dumps(text, indent=2) + "\n" for name, text in everything.items()}


def not_additive(old: Document, new: Document, where: str = "") -> list[str]:
    """Say how a schema broke its promise that fields are only ever added; empty when it kept it.

    Readers of the old schema must understand new messages, and old messages must still be valid.
    """
    broken: list[str] = []
    for name, was in old.get("properties", {}).items():
        now = new.get("properties", {}).get(name)
        if now is None:
            broken.append(f"{where}{name}: was removed")
        elif _shape(was) != _shape(now):
            broken.append(f"{where}{name}: changed from {_shape(was)} to {_shape(now)}")
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        broken.append(f"{where}{name}: became required")
    for name, was in old.get("$defs", {}).items():
        broken += not_additive(was, new.get("$defs", {}).get(name, {}), f"{where}{name}.")
    return broken


def _shape(schema: Document) -> str:
    kept = {k: schema[k] for k in ("type", "format", "$ref", "anyOf", "items") if k in schema}
    return json.dumps(kept, sort_keys=True)


def write() -> None:
    """Write the documents into `schemas/`."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
