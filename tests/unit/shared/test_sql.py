"""Queries are found by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared import kernel, sql


def test_a_query_keeps_its_description_and_ends_where_the_next_begins(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("-- name: one\n-- Why.\nselect 1\n\n-- name: two\nselect 2\n")
    queries = sql.load(tmp_path / "q.sql")
    assert queries == {"one": "-- Why.\nselect 1", "two": "select 2"}


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("-- name: one\nselect 1\n-- name: one\nselect 2\n")
    with pytest.raises(ValueError, match="query one is defined twice"):
        sql.load(tmp_path / "q.sql")


def test_the_kernel_has_its_queries() -> None:
    assert "inbox_accept" in kernel.QUERIES
