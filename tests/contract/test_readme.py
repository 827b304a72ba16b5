"""What the README tells a newcomer to write works as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from services.local.score import Options, Score
from shared.catalog import Catalog, load
from shared.contracts.responses import Response

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EVENTS, LOW_SCORE = re.findall(r"^```json\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SNIPPET, *_ = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """The example with the files of the README in their places."""
    folder = tmp_path / "catalog"
    shutil.copytree(ROOT / "deploy" / "catalog", folder)
    for name, text in re.findall(r"^# (\w+\.yaml)\n(.*?)(?=^# |\Z)", SNIPPET, re.M | re.DOTALL):
        (folder / name).write_text(text, encoding="utf-8")
    return load(folder)


def test_its_catalog_has_no_findings(catalog: Catalog) -> None:
    assert [each.touchpoint for each in catalog.touchpoints] == ["delivered"]
    assert list(catalog.sources_by_topic) == ["ordering.events"]


def test_its_events_can_be_played_onto_its_topic(catalog: Catalog) -> None:
    (topic,) = catalog.sources_by_topic
    score = Score(Options(topic=topic))
    lines = EVENTS.splitlines()
    assert [score.read(n, line.encode()).topic for n, line in enumerate(lines)] == [topic] * 2
    assert f"play events.jsonl --topic {topic} " in README


def test_its_low_score_is_a_response(catalog: Catalog) -> None:
    response = Response.model_validate_json(LOW_SCORE)
    assert response.touchpoint in {each.touchpoint for each in catalog.touchpoints}
