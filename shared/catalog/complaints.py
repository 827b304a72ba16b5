"""What the models complain about, in words of the catalog and at the right line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from shared.catalog.document import Document
from shared.catalog.findings import Finding, suggest

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a map of fields",
    "model_type": "a map of fields",
    "model_attributes_type": "a map of fields",
    "tuple_type": "a list",
    "list_type": "a list",
}


def finding_of(
    document: Document, model: type[BaseModel], path: tuple[int, ...], detail: ErrorDetails
) -> Finding:
    """Return the finding for one complaint about the entry at `path`."""
    place = detail["loc"]
    at_key = detail["type"] == "extra_forbidden"
    line = document.line((*path, *place), key=at_key)
    return Finding(document.file, line, f"{_where(place)}{_message(model, detail)}")


def _where(place: Sequence[str | int]) -> str:
    """Name the field, unless the message does so itself by being about the whole entry."""
    words = [str(step) for step in place if not _is_tag(step) and not isinstance(step, int)]
    return f"`{'.'.join(words)}`: " if words else ""


def _message(model: type[BaseModel], detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            word = str(detail["loc"][-1])
            return f"unknown field, {suggest(word, _fields(model, detail['loc']))}"
        case "missing":
            return "this field is missing, add it"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            known = re.findall(r"'([^']+)'", str(context["expected"]))
            return f"{detail['input']!r} is not one of {', '.join(known)}"
        case kind if kind in _WANTED:
            return f"{_short(detail['input'])} is not what belongs here, write {_WANTED[kind]}"
        case _:
            message = detail["msg"].replace("Input should", "it should")
            return f"{_short(detail['input'])} does not fit, {message[0].lower()}{message[1:]}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_tag(step: str | int) -> bool:
    """Whether the step is no place in the file but a choice within a union, or a map's key."""
    return step == "[key]" or (isinstance(step, str) and step.endswith("Trigger"))


def _fields(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Return the fields of the model that owns the last step of `place`."""
    owners = [model]
    for step in place[:-1]:
        if isinstance(step, int):
            continue
        if _is_tag(step):
            owners = [owner for owner in owners if owner.__name__ == step]
            continue
        owners = [below for owner in owners for below in _below(owner, step)] or owners
    return [
        field.alias or name for owner in owners[:1] for name, field in owner.model_fields.items()
    ]


def _below(model: type[BaseModel], step: str) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if step in (name, field.alias):
            yield from _models(field.annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
