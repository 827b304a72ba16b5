"""The workbench: `try` says what a message becomes, `infer` proposes what it could become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from services.listen import workbench
from shared.catalog.reading import read
from shared.records import Record
from tests.support.catalogs import write_catalog

DELIVERED = {
    "kind": "delivered",
    "id": "e-1",
    "customer": "c-1",
    "at": "2026-03-02T08:00:00Z",
    "order": "o-1",
    "late": True,
}


def run(*words: str, stdin: str | None = None, environ: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    workbench.add_try(app, environ or {})
    workbench.add_infer(app)
    return CliRunner().invoke(app, list(words), stdin)


@pytest.fixture
def tried(tmp_path: Path) -> list[str]:
    return ["try", "--source", "shop", "--catalog", str(write_catalog(tmp_path / "catalog"))]


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "messages.json"
    file.write_text(text, "utf-8")
    return str(file)


def outcomes(result: Result) -> list[tuple[str, Any]]:
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return [(line["outcome"], line.get("reason") or line.get("message")) for line in lines]


def test_each_line_says_what_it_becomes_or_why_not(tried: list[str], tmp_path: Path) -> None:
    absent = {name: value for name, value in DELIVERED.items() if name != "customer"}
    lines = [DELIVERED, absent, {"kind": "packed"}]
    file = written(tmp_path, "\n".join(map(json.dumps, lines)))
    result = run(*tried, file, "--json")
    (signal, message), (refused, reason), (skipped, why) = outcomes(result)
    assert (signal, message["signal"], message["customer_id"]) == (
        "signal",
        "order.delivered",
        "c-1",
    )
    assert (refused, skipped) == ("refused", "skipped")
    assert "customer" in reason
    assert why == "no `when` of source shop holds for it"
    assert result.exit_code == 1
    assert json.loads(result.stdout.splitlines()[1])["place"] == f"{file}:2"


def test_a_document_over_many_lines_is_one_message(tried: list[str], tmp_path: Path) -> None:
    result = run(*tried, written(tmp_path, json.dumps(DELIVERED, indent=2)))
    assert result.exit_code == 0
    assert "signal" in result.stdout
    assert '"customer_id": "c-1"' in result.stdout


def test_a_document_with_a_mistake_is_one_refusal(tried: list[str], tmp_path: Path) -> None:
    broken = json.dumps(DELIVERED, indent=2)[:-2] + ",\n}"
    result = run(*tried, written(tmp_path, broken), "--json")
    assert [each[0] for each in outcomes(result)] == ["refused"]


def test_a_card_is_shown_as_such_and_headers_are_seen(tried: list[str], tmp_path: Path) -> None:
    folder = Path(tried[-1])
    sources = (folder / "sources.yaml").read_text("utf-8")
    told = sources.replace("body.kind ==", 'headers["x-topic"] ==')
    (folder / "sources.yaml").write_text(told, "utf-8")
    body = json.dumps({"customer": "c-1", "email": "ada@customers.example", "id": "e", "at": 1})
    for headers in ("x-topic: customer", '{"x-topic": "customer"}'):
        result = run(*tried, "-", "--json", "--headers", headers, stdin=body)
        assert [each[0] for each in outcomes(result)] in (["profile"], ["refused"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "nobody"], "the catalog has no source nobody; it has shop"),
        (["--headers", "oops"], "--headers: 'oops' should be like 'x-topic: orders/paid'"),
    ],
)
def test_a_misuse_is_named(tried: list[str], tmp_path: Path, words: list[str], said: str) -> None:
    result = run(*tried, *words, written(tmp_path, json.dumps(DELIVERED)))
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_without_a_catalog_it_says_how_to_give_one() -> None:
    result = run("try", "--source", "shop", "absent.json")
    assert (result.exit_code, "give --catalog DIR" in result.stderr) == (2, True)


FAMILIES = {
    "stripe": ("billing/stripe/webhook_events/*.json", 40),
    "shopify orders": ("ordering/shopify/*/order.json", 2),
    "shopify orders and customers": ("ordering/shopify/python_api/[co]*er.json", 2),
    "zendesk": ("support/zendesk/webhook_events/*.json", 5),
    "zammad": ("support/zammad/*.json", 1),
    "debezium": ("conformance/debezium/postgresql_doc/block_0[4-8].json", 2),
    "cloudevents": ("conformance/debezium/cloudevents_doc/block_00.json", 0),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_proposal_for_real_messages_loads_and_maps_them(family: str, shared_data: Path) -> None:
    pattern, least = FAMILIES[family]
    files = sorted(shared_data.glob(pattern))
    assert files
    found = [Record("t", 0, each, 0, None, file.read_bytes()) for each, file in enumerate(files)]
    text, mapped = workbench.propose_yaml("my-source", "my.topic", found)
    draft = read({"sources.yaml": text.encode()})
    assert [each for each in draft.findings if each.file == "sources.yaml" and each.line > 1] == []
    assert len(draft.sources) == 1
    assert mapped >= least, text


def test_a_source_without_id_and_time_gets_an_id_of_what_it_has(shared_data: Path) -> None:
    file = shared_data / "billing" / "killbill" / "event_0.json"
    body = {**json.loads(file.read_bytes()), "accountId": "a-1"}
    record = Record("t", 0, 0, 0, None, json.dumps(body).encode())
    text, mapped = workbench.propose_yaml("killbill", "billing", [record])
    assert "there is no id; equal ones count once" in text
    assert "no time found" in text
    assert mapped in (0, 1)  # 1 where the record's own time may stand in


def test_what_it_could_not_find_it_says(tmp_path: Path) -> None:
    result = run("infer", written(tmp_path, '{"type": "a.b", "id": "1"}'))
    assert result.exit_code == 1
    assert "# no mapping for a.b: nothing looks like a customer" in result.stdout


def test_times_without_a_zone_and_in_milliseconds_are_remarked(tmp_path: Path) -> None:
    lines = [
        {"type": "a", "id": "1", "customer": 1, "at": "2026-03-02T08:00:00"},
        {"type": "b", "id": "2", "customer": 2, "at": 1772438400000},
    ]
    result = run("infer", written(tmp_path, "\n".join(map(json.dumps, lines))))
    told = 'UTC is assumed; where it is another, write that in place of "UTC"'
    assert f"# occurred_at: the time names no zone, {told}" in result.stdout
    assert "occurred_at: 'millis(body.at)'" in result.stdout
    assert "# of 2 samples: 2 signals" in result.stdout


def test_what_tells_messages_apart_is_their_kind_rather_than_what_all_share(tmp_path: Path) -> None:
    lines = [
        {"type": "notification", "topic": topic, "id": topic, "customer": "c"}
        for topic in ("conversation.closed", "conversation.opened")
    ]
    result = run("infer", written(tmp_path, "\n".join(map(json.dumps, lines))))
    assert """when: 'body.topic == "conversation.closed"'""" in result.stdout


def test_a_proposal_that_refuses_a_sample_says_why(tmp_path: Path) -> None:
    result = run("infer", written(tmp_path, '{"type": "a", "id": "1", "customer": "c"}'))
    assert "# of 1 samples: 1 refused" in result.stdout
    assert "# first refused: source my-source, line 6: occurred_at: the record" in result.stdout


def test_contact_cards_alone_are_a_proposal_that_says_what_it_is(tmp_path: Path) -> None:
    customer = {"id": "c-1", "email": "ada@x.example", "accepts_marketing": True}
    customer |= {"updated_at": "2026-03-02 08:00:00", "accepts_marketing_updated_at": "2026-03-01"}
    result = run("infer", written(tmp_path, json.dumps({"customers": [customer]})))
    assert result.exit_code == 0, result.stdout
    assert "# of 1 samples: 1 contact cards" in result.stdout
    assert "# no signals: these say where to reach customers" in result.stdout
    assert "# updated_at: the time names no zone, UTC is assumed" in result.stdout
    assert "# consent_at: a day without a time, taken as its beginning in UTC" in result.stdout
