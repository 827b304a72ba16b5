"""Kafka Connect's schemas: a decimal is bytes in base64, and the schema says how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.rules import unscaled

_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_VARIABLE = "io.debezium.data.VariableScaleDecimal"


def readable(schema: Any, value: Any) -> Any:
    """Return a value with its decimals as texts, such as `"12.50"`; any other as it is."""
    if not isinstance(schema, Mapping) or value is None:
        return value
    if schema.get("name") == _DECIMAL:
        return _text(value, _scale(schema.get("parameters")))
    if schema.get("name") == _VARIABLE and isinstance(value, dict):
        return _text(value.get("value"), value.get("scale"))
    if isinstance(value, list):
        return [readable(schema.get("items"), each) for each in value]
    if isinstance(value, dict):
        known = _fields(schema)
        return {name: readable(known.get(name), each) for name, each in value.items()}
    return value


def _fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = schema.get("fields")
    every = [each for each in fields if isinstance(each, dict)] if isinstance(fields, list) else []
    return {each["field"]: each for each in every if isinstance(each.get("field"), str)}


def _scale(parameters: Any) -> int | None:
    try:
        return int(parameters["scale"])
    except (KeyError, TypeError, ValueError):
        return None


def _text(value: Any, scale: Any) -> Any:
    try:
        return f"{unscaled(value, scale):f}"
    except ValueError:
        return value
