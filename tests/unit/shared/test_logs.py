"""Logs are JSON lines that share the trace of the work."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from shared import logs


def formatted(**extra: object) -> dict[str, object]:
    record = logging.makeLogRecord({"msg": "case opened", "levelname": "INFO", **extra})
    line: dict[str, object] = json.loads(logs.JsonLines("route").format(record))
    return line


def test_what_is_passed_as_extra_stands_beside_the_message() -> None:
    line = formatted(action="case_opened", case_id="c-1")
    assert (line["message"], line["action"], line["case_id"]) == (
        "case opened",
        "case_opened",
        "c-1",
    )


def test_a_line_inside_a_trace_carries_its_id() -> None:
    with logs.within("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        assert formatted()["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "trace_id" not in formatted()


def test_work_without_a_parent_begins_a_trace_of_its_own() -> None:
    with logs.within(None):
        parent = logs.traceparent()
    assert parent is not None
    assert [len(part) for part in parent.split("-")] == [2, 32, 16, 2]


@pytest.mark.parametrize("parent", ["", "nonsense", "00-short-ids-01", "00-" + "g" * 32, "\x00"])
def test_a_parent_that_has_not_the_right_form_is_replaced(parent: str) -> None:
    with logs.within(parent):
        assert len(str(formatted()["trace_id"])) == 32


def test_the_row_that_postgresql_quotes_is_left_out() -> None:
    said = "null value in column\nDETAIL:  Failing row contains (secret {}).".format("words")
    try:
        raise ValueError(said)
    except ValueError:
        line = formatted(exc_info=sys.exc_info())
    assert "null value in column" in str(line["exception"])
    assert "secret words" not in str(line["exception"])


def test_the_row_is_left_out_of_what_stands_beside_the_message_too() -> None:
    said = "duplicate key\nDETAIL:  Key (customer_id)=(kim@example.com) already exists."
    assert formatted(error=said)["error"] == "duplicate key"
