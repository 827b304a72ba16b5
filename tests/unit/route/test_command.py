"""`touchback route test` and what is refused at the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.route.__main__ import app
from services.route.app import require_secrets
from services.route.settings import Settings
from shared.errors import InvalidSettings
from tests.unit.route.catalogs import catalog, hook, response, team

EXAMPLE = Path(__file__).parents[3] / "deploy" / "catalog"


def _run(tmp_path: Path, *more: str, catalog_folder: Path = EXAMPLE) -> tuple[int, str]:
    event = tmp_path / "event.json"
    event.write_text(response().model_dump_json())
    arguments = ["test", "--event", str(event), "--catalog", str(catalog_folder), *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_it_prints_the_path_and_the_team(tmp_path: Path) -> None:
    code, printed = _run(tmp_path, "--expect", "team=billing-care")

    assert code == 0
    assert "team      billing-care" in printed
    assert 'root > 1: response.touchpoint == "first-bill"' in printed


def test_a_program_reads_the_same_as_json(tmp_path: Path) -> None:
    code, printed = _run(tmp_path, "--json", "--expect", "team=billing-care")

    found = json.loads(printed)
    assert (code, found["team"], found["priority"]) == (0, "billing-care", "normal")
    assert (found["reason"], found["error"]) == ("rule_matched", None)
    assert found["path"] == ["root", '1: response.touchpoint == "first-bill"']


def test_another_team_than_expected_is_exit_code_1(tmp_path: Path) -> None:
    code, printed = _run(tmp_path, "--expect", "team=support-leads")

    assert code == 1
    assert "expected team support-leads, it is billing-care" in printed


def test_team_and_priority_can_both_be_expected(tmp_path: Path) -> None:
    both = ("--expect", "team=billing-care", "--expect")

    assert _run(tmp_path, *both, "priority=normal")[0] == 0
    code, printed = _run(tmp_path, *both, "priority=high")
    assert (code, "expected priority high, it is normal" in printed) == (1, True)
    assert _run(tmp_path, *both, "priority=high", "--low-scores", "2")[0] == 0


def _cover(tmp_path: Path, lines: list[str], *more: str) -> tuple[int, str]:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))
    words = ["coverage", "--events", str(file), "--catalog", str(EXAMPLE), *more]
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output


def test_coverage_says_which_branches_nothing_reached(tmp_path: Path) -> None:
    low = [
        response(),
        response(score=5),
        response(touchpoint="relationship"),
        response(band="high"),
    ]

    code, printed = _cover(tmp_path, [each.model_dump_json() for each in low], "--json")

    assert code == 0
    report = json.loads(printed)
    assert (report["low_scores"], report["fallback"], report["rule_errors"]) == (3, 1, 0)
    assert report["branches"]['1: response.touchpoint == "first-bill"'] == 2
    assert report["branches"]["1.1: response.score == 5"] == 1
    again = "priority 2: response.low_scores >= 2 || response.value >= 5000.0"
    assert report["branches"][again] == 2  # the second and third of this customer
    assert any(step.startswith("priority 1:") for step in report["never_taken"])
    assert any(step.startswith("2.1:") for step in report["never_taken"])


def test_coverage_prints_shares_and_names_the_line_that_is_no_response(tmp_path: Path) -> None:
    line = response(touchpoint="relationship").model_dump_json()

    code, printed = _cover(tmp_path, [line, ""])
    assert code == 0
    assert "never taken" in printed
    assert "1  root: customer-care (100.0 % of 1)" in printed

    code, printed = _cover(tmp_path, [line, "{}"])
    assert code == 2
    assert "events.jsonl:2: response_id: Field required" in printed


def test_what_cannot_be_used_is_exit_code_2_and_one_line(tmp_path: Path) -> None:
    assert _run(tmp_path, "--expect", "billing-care") == (
        2,
        "touchback: --expect billing-care: write team=NAME or priority=HOW\n",
    )
    assert _run(tmp_path, catalog_folder=tmp_path / "nowhere")[0] == 2


def test_an_event_that_is_no_response_is_exit_code_2(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text("{}")

    result = CliRunner().invoke(app, ["test", "--event", str(event), "--catalog", str(EXAMPLE)])

    assert result.exit_code == 2
    assert "response_id: Field required" in result.output


def _settings(**more: object) -> Settings:
    return Settings.model_validate(
        {
            "kafka_bootstrap_servers": "localhost:9092",
            "postgres_dsn": "postgresql://localhost/touchback",
            "catalog": EXAMPLE,
            "smtp_url": "smtp://localhost:25",
            "mail_from": "Touchback <tb@mail.test>",
            **more,
        }
    )


def test_a_webhook_without_its_secret_stops_the_start() -> None:
    known = catalog(None, team("care", hook("hook", "https://a.test", secret="owners")))

    require_secrets(known, _settings(channel_secrets='{"owners": "whsec_x"}'))
    with pytest.raises(InvalidSettings, match="has no secret owners, which channel hook"):
        require_secrets(known, _settings(channel_secrets='{"other": "whsec_x"}'))


@pytest.mark.parametrize(
    ("name", "value"),
    [("outbound_allow", "10.0.0.1/8"), ("mail_from", "nobody"), ("smtp_url", "mail:25")],
)
def test_malformed_settings_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        _settings(**{name: value})
