"""The published schemas are those of the code, and a change of them only ever adds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared import topics
from shared.contracts import documents
from shared.contracts.registry import ALL

RELEASED = sorted((Path(__file__).parent / "released").glob("*.json"))


def test_the_committed_documents_are_what_the_code_generates() -> None:
    committed = {file.name: file.read_text() for file in documents.FOLDER.glob("*.json")}
    assert committed == documents.documents(), "run `python -m shared.contracts.documents`"


@pytest.mark.parametrize("file", RELEASED, ids=lambda file: file.stem)
def test_every_change_since_the_release_is_additive(file: Path) -> None:
    released = json.loads(file.read_text())
    assert documents.not_additive(released, documents.schemas().get(file.stem, {})) == []


OLD = {"properties": {"score": {"type": "integer"}}, "required": ["score"]}


@pytest.mark.parametrize(
    ("new", "complaint"),
    [
        pytest.param({"properties": {}}, "score: was removed", id="a field was removed"),
        pytest.param(
            {"properties": {"score": {"type": "string"}}, "required": ["score"]},
            'score: changed from {"type": "integer"} to {"type": "string"}',
            id="a field changed its type",
        ),
        pytest.param(
            {"properties": {**OLD["properties"], "more": {}}, "required": ["score", "more"]},  # type: ignore[dict-item]
            "more: became required",
            id="a new field is required",
        ),
    ],
)
def test_a_change_that_is_not_additive_is_named(new: documents.Document, complaint: str) -> None:
    assert documents.not_additive(OLD, new) == [complaint]


def test_an_optional_field_may_be_added() -> None:
    new = {"properties": {"score": {"type": "integer"}, "more": {}}, "required": ["score"]}
    assert documents.not_additive(OLD, new) == []


def test_every_topic_has_a_type_of_message() -> None:
    without = {topics.DEAD_LETTERS}  # original bytes of anybody's
    assert {topic.name for topic in topics.ALL} - {each.topic for each in ALL} == without


def test_every_type_ends_in_a_version() -> None:
    assert [each.name for each in ALL if not each.name.endswith(".v1")] == []
