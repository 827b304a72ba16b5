"""Answers of long ago: each once, with its own time, and bad lines named."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from services.collect.importing import Importer, Reading, Report, Row
from tests.integration.collect.service import Collect, settings_for
from tests.support.stack import PROJECT, of_the_machine
from tests.unit.collect.facts import POLICY

TABLE = (
    "\ufeffid,touchpoint,customer_id,score,comment,answered_at,attributes.shop,correlation\n"
    '1,support-closed,c-1,2,"slow,\nvery slow",2024-05-01T10:00:00+02:00,12,\n'
    "2,support-closed,c-2,9,,2024-05-02T10:00:00Z,,\n"
    "3,support-closed,,3,,2024-05-02T10:00:00Z,,ticket-7\n"
)


async def take(collect: Collect, rows: Iterable[Row]) -> tuple[Report, list[str]]:
    said: list[str] = []
    importer = Importer(
        collect.runtime.database, POLICY, "old-tool", collect.clock.now, said.append
    )
    return await importer.take(rows), said


def table(tmp_path: Path, text: str = TABLE) -> Iterable[Row]:
    file = tmp_path / "old.csv"
    file.write_text(text, "utf-8")
    with file.open("rb") as stream:
        return list(Reading(stream, table=True).rows())


async def test_a_table_is_kept_once_with_its_own_times(collect: Collect, tmp_path: Path) -> None:
    await collect.invite()
    first, said = await take(collect, table(tmp_path))
    again, _ = await take(collect, table(tmp_path))
    assert said == []
    assert (first, again) == (Report(kept=3), Report(known=3))
    responses = [body for kind, body in await collect.published() if kind == "completed"]
    assert [(each.customer_id, each.score, each.origin) for each in responses] == [
        ("c-1", 2, "import"),
        ("c-2", 9, "import"),
        ("c-1", 3, "import"),
    ]
    one = responses[0]
    assert (one.comment, one.attributes) == ("slow,\nvery slow", {"shop": "12"})
    assert one.received_at.isoformat() == "2024-05-01T08:00:00+00:00"
    assert (one.channel, one.anonymous) == ("old-tool", False)
    # What counts answers of today is not moved by those of long ago.
    assert await collect.counted() == {}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"score": 11}, "11 is not a score of nps", id="off the scale"),
        pytest.param({"score": "2"}, "score: Input should be a valid integer", id="text"),
        pytest.param({"touchpoint": "x"}, "touchpoint 'x' is not in the catalog", id="nowhere"),
        pytest.param({"answered_at": "2024-05-01"}, "answered_at: ", id="no time"),
        pytest.param({"answered_at": "2094-05-01T10:00:00Z"}, "lies in the future", id="future"),
        pytest.param({"scroe": 1}, "scroe: Extra inputs are not permitted", id="misspelt"),
        pytest.param({"comment": "\x00"}, "comment: ", id="cannot be kept"),
    ],
)
async def test_a_bad_line_is_named_and_the_others_are_kept(
    collect: Collect, changes: dict[str, object], complaint: str
) -> None:
    good = {
        "id": "1",
        "touchpoint": "support-closed",
        "score": 2,
        "answered_at": "2024-05-01T10:00:00Z",
    }
    lines = [json.dumps({**good, **changes}), "{", json.dumps(good)]
    report, said = await take(collect, list(enumerate(lines, 1)))
    assert report == Report(kept=1, refused=2)
    assert said[0].startswith("line 1: ")
    assert complaint in said[0]
    assert said[1].startswith("line 2: body: Invalid JSON")


async def test_a_row_with_too_many_cells_says_so(collect: Collect, tmp_path: Path) -> None:
    text = TABLE.splitlines()[0] + "\n1,support-closed,c-1,2,a, b,2024-05-01T10:00:00Z,,,\n"
    report, said = await take(collect, table(tmp_path, text))
    assert report == Report(refused=1)
    assert said == ["line 2: there are more cells than columns: quote what holds a comma"]


async def test_the_command_says_what_came_of_it(migrated: str, tmp_path: Path) -> None:
    settings = settings_for(migrated)
    environ = {
        **of_the_machine(),
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
        "TOUCHBACK_POSTGRES_DSN": migrated,
        "TOUCHBACK_CATALOG": str(settings.catalog),
        "TOUCHBACK_LINK_KEYS": "k" * 32,
    }
    (tmp_path / "old.csv").write_text(TABLE.replace(",9,", ",19,"), "utf-8")

    async def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services", "collect", "import", *words]
        return await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=PROJECT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    done = await run(str(tmp_path / "old.csv"), "--source", "old-tool")
    assert (done.returncode, done.stdout) == (1, "kept 2, known already 0, refused 1\n")
    assert "old.csv: line 4: 19 is not a score of nps" in done.stderr
    again = await run(str(tmp_path / "old.csv"), "--source", "old-tool", "--json")
    assert json.loads(again.stdout) == {"kept": 0, "known": 2, "refused": 1}
    absent = await run(str(tmp_path / "absent.csv"))
    assert absent.returncode == 2
    assert absent.stderr.endswith("absent.csv: cannot read it: No such file or directory\n")
