"""The published document is true: whatever follows it, or breaks it, gets the answer it names."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.contracts import openapi
from tests.integration.collect.service import Collect
from tests.support.alone import alone
from tests.support.databases import Databases
from tests.support.stack import TOKEN

LONG = os.environ.get("CI") == "true" or "TOUCHBACK_TEST_LONG" in os.environ
EXAMPLES = 300 if LONG else 40
# Whether a score is on its survey's scale is the catalog's to say, so valid bodies may be refused.
UNCHECKED = "positive_data_acceptance"


async def test_the_document_is_published(collect: Collect) -> None:
    published = await collect.browser.get("/openapi.json")
    assert published.json() == openapi.document()
    assert published.json()["openapi"].startswith("3.1")


@pytest.mark.timeout(300)
async def test_no_request_gets_a_fault_and_nothing_invalid_is_accepted(
    databases: Databases, tmp_path: Path
) -> None:
    async with alone("collect", databases, tmp_path) as stack:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            stack.url("collect", "/openapi.json"),
            *("--header", f"Authorization:Bearer {TOKEN}"),
            *("--checks", "all", "--exclude-checks", UNCHECKED),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(EXAMPLES), "--seed", "5", "--warnings", "off"),
        ]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-6000:]
        print(*re.findall(r"^Test cases:.*|^ +\d+ generated.*", said, re.M), sep="\n")
        assert await stack.count("collect", "responses") > 0
        assert await stack.count("collect", "feedback") > 0
