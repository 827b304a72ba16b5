"""Every mistake in a catalog is one finding, at its line, that says what would be right."""

from __future__ import annotations

import pytest

from shared.catalog import InvalidCatalog, load_files
from tests.support.catalogs import catalog_files, edited

TOUCH, SOURCE, TEAM = "touchpoints.yaml", "sources.yaml", "teams.yaml"
ROUTE, SURVEY = "routing.yaml", "surveys/delivery.yaml"
ON = "on: {signal: order.delivered, when: 'signal.attributes.late == true'}"


def findings(files: dict[str, bytes]) -> list[str]:
    with pytest.raises(InvalidCatalog) as caught:
        load_files(files)
    return [str(finding) for finding in caught.value.findings]


ONE_PLACE = [
    (TOUCH, "stage: use", "stage: us", "2: `stage`: 'us' is not one of purchase, use, service"),
    (TOUCH, "delay: 1h", "dealy: 1h", '4: `dealy`: unknown field, did you mean "delay"?'),
    (
        TOUCH,
        "delay: 1h",
        "delay: 1 hour",
        "4: `delay`: '1 hour' is not a duration, write 30s, 15m, 24h or 3d",
    ),
    (TOUCH, "survey: delivery", "survey: x", '5: no survey "x", there is delivery'),
    (
        TOUCH,
        "owner: parcels",
        "owner: parcel",
        '6: no team "parcel", did you mean "parcels"?',
    ),
    (
        TOUCH,
        "signal: order.delivered",
        "signal: order.delivred",
        '3: no source gives the signal "order.delivred", did you mean "order.delivered"?',
    ),
    (
        SURVEY,
        "metric: csat\n",
        "metric: csat\nreasons: {low: [{reason: late, label: {en: Late}}]}\n",
        "3: `reasons.low.0.label` has no text in zh, the question has: add it",
    ),
    (
        SURVEY,
        "metric: csat\n",
        "metric: ces2\nask_effort: true\n",
        "1: metric ces2 asks about effort already: remove `ask_effort`",
    ),
    (TOUCH, "when:", "wen:", '3: `on.wen`: unknown field, did you mean "when"?'),
    (
        TOUCH,
        "signal.attributes.late ==",
        "signal.atributes.late ==",
        "3: `on.when`: expression 'signal.atributes.late == true', column 17: "
        "`signal.atributes.late` is not known here, did you mean `signal.attributes`",
    ),
    (
        TOUCH,
        "  survey: delivery\n",
        "",
        "1: asks without a survey: add `survey: NAME`, or `act: case`",
    ),
    (
        TOUCH,
        "  survey: delivery\n",
        "  act: notify\n",
        "1: notifies without words: add `notice: {to: team, subject: …, text: …}`, or `act: case`",
    ),
    (
        TOUCH,
        "delay: 1h",
        "notice: {subject: {en: Late}, text: {en: Sorry}}",
        "1: `act: ask` sends no notice: remove `notice` or `act: notify`",
    ),
    (
        TOUCH,
        "delay: 1h",
        "delay: 72h",
        "1: `delay` is as long as `useful_for`, so every ask would be stale: "
        "shorten `delay` or lengthen `useful_for`",
    ),
    (
        TOUCH,
        "delay: 1h",
        "reminder: {after: 14d}",
        "1: the reminder comes when answering is over: "
        "shorten `reminder.after` or lengthen `answer_within`",
    ),
    (
        TOUCH,
        "delay: 1h",
        "sample: 1.5",
        "4: `sample`: 1.5 does not fit, it should be less than or equal to 1",
    ),
    (
        TOUCH,
        "delay: 1h",
        "priority: high",
        "4: `priority`: 'high' is not what belongs here, write a whole number",
    ),
    (
        TOUCH,
        "delay: 1h",
        "channels: [mail]",
        "4: `channels`: 'mail' is not one of email, sms, webhook, kafka",
    ),
    (
        TOUCH,
        "delay: 1h",
        "channels: [sms, email]",
        "4: channel sms leads nowhere, add `channels: {sms: {url: …, secret: …}}` to policy.yaml",
    ),
    (
        TOUCH,
        "delay: 1h",
        "cancel_on: [a.b]",
        '4: no source gives the signal "a.b", there is order.delivered',
    ),
    (
        "sources.yaml",
        "- signal: order.delivered",
        "- {signal: touchback.delivery.hard_bonce, id: body.id, customer: '\"-\"'}\n"
        "    - signal: order.delivered",
        '5: no report is called "touchback.delivery.hard_bonce",'
        ' did you mean "touchback.delivery.hard_bounce"?',
    ),
    (
        TOUCH,
        "delay: 1h",
        "delay: 1h\n  delay: 2h",
        '5: "delay" stands here a second time, the first is on line 4: keep one',
    ),
    (
        TOUCH,
        "delay: 1h",
        "time_zone: Mars/Base",
        "4: `time_zone`: 'Mars/Base' is not a time zone, write an IANA name such as Europe/Berlin",
    ),
    (TOUCH, f"  {ON}\n", "", "1: `on`: this field is missing, add it"),
    (
        TOUCH,
        ON,
        "on: {count: order.delivered, at_least: 1, within: 7d}",
        "3: `on.at_least`: 1 does not fit, it should be greater than or equal to 2",
    ),
    (
        SOURCE,
        "format: json",
        "format: xml",
        "3: `format`: 'xml' is not one of cloudevents, debezium, json",
    ),
    (
        SOURCE,
        "'int(body.score)'",
        "'string(body.score)'",
        "21: `responses.score`: expression 'string(body.score)', column 1: gives a text, "
        "this expression must give a whole number, wrap it in int(...)",
    ),
    (
        SOURCE,
        "'int(body.score)'",
        "3",
        "21: `responses.score`: 3 is not an expression, write it as text in quotes",
    ),
    (
        SOURCE,
        "'\"delivered\"'",
        "'\"deliverd\"'",
        '19: no touchpoint "deliverd" with a survey, did you mean "delivered"?',
    ),
    (
        TEAM,
        "secret: parcels",
        "secrets: parcels",
        '11: `channels.secrets`: unknown field, did you mean "secret"?',
    ),
    (
        TEAM,
        "      secret: parcels\n",
        "",
        "8: `channels`: a webhook needs `url` and `secret` (the name of one), no `address`",
    ),
    (
        TEAM,
        "kind: webhook",
        "kind: fax",
        "9: `channels.kind`: 'fax' is not one of webhook, email, slack, teams, pagerduty,"
        " alertmanager, apprise",
    ),
    (
        TEAM,
        "channel: parcels-mail",
        "channel: care-mail",
        '12: channel "care-mail" is given twice (first at teams.yaml:4), rename one',
    ),
    (
        TEAM,
        "name: Parcels",
        "name: Parcels\n  targets: {high: {contact: 10m}}",
        "7: `targets.high`: targets must grow: acknowledge, then contact, then resolve",
    ),
    (
        TEAM,
        "name: Parcels",
        "name: Parcels\n  escalation: [{at: 1.0, team: boss}]",
        '7: no team "boss", there is care, parcels',
    ),
    (
        ROUTE,
        "team: care",
        "priority: high",
        "1: the root of the tree has no `team`: name the fallback that owns the rest",
    ),
    (ROUTE, "team: parcels", "team: parsels", '4: no team "parsels", did you mean "parcels"?'),
    (
        ROUTE,
        "team: parcels",
        "team: parcels\n    routes:\n      - {team: care}",
        "6: a branch without `when` takes everything and hides what follows: add `when`",
    ),
    (
        ROUTE,
        "team: parcels",
        "team: parcels\n    routes:\n      - {when: 'response.score == 1', priority: high}\n"
        "      - {when: 'response.score  == 1', priority: low}",
        "7: line 6 asks the same and comes first: this is never reached, make it another `when` or"
        " remove it",
    ),
    (
        ROUTE,
        "team: care\n",
        "team: care\npriorities:\n  - {when: 'response.score == 1', priority: high}\n"
        "  - {when: 'response.score == 1', priority: low}\n",
        "4: line 3 asks the same and comes first: this is never reached, make it another `when` or"
        " remove it",
    ),
    (
        ROUTE,
        "team: care\n",
        "team: care\nwhen: 'response.score == 1'\n",
        "2: the root of the tree takes everything: remove `when`",
    ),
    (
        ROUTE,
        "team: parcels",
        "continu: true",
        '4: `routes.continu`: unknown field, did you mean "continue"?',
    ),
    (
        SURVEY,
        "metric: csat",
        "metric: stars",
        "2: `metric`: 'stars' is not one of nps, csat, ces, ces2, experience",
    ),
    (
        SURVEY,
        "{en: Bad, zh: 差}",
        "{en: Bad}",
        "4: `low_label` has no text in zh, the question has: add it",
    ),
    (
        SURVEY,
        "{en: Good, zh: 好}",
        "{en: Good, zh: 好, de: Gut}",
        "5: `high_label` has a text in de, the question has none: add it there or remove it here",
    ),
    (
        SURVEY,
        "{en: Bad, zh: 差}",
        "{en: Bad",
        "5: not YAML: expected ',' or '}', but got ':', check quotes and indentation",
    ),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"), ONE_PLACE, ids=[message[:60] for *_, message in ONE_PLACE]
)
def test_a_mistake_is_one_finding(file: str, old: str, new: str, finding: str) -> None:
    assert findings(edited(file, old, new)) == [f"{file}:{finding}"]


def test_a_branch_below_one_that_goes_on_is_reached() -> None:
    below = (
        "team: parcels\n    routes:\n      - {when: 'response.score == 1', continue: true}\n"
        "      - {when: 'response.score == 1', priority: low}"
    )
    routes = load_files(edited(ROUTE, "team: parcels", below)).routing.routes
    assert len(routes[0].routes) == 2


def test_an_unknown_field_is_found_at_its_name_and_not_at_its_value() -> None:
    files = edited("touchpoints.yaml", "delay: 1h", "remind:\n    after: 3d")
    assert findings(files) == [
        'touchpoints.yaml:4: `remind`: unknown field, did you mean "reminder"?'
    ]


def test_answers_need_a_touchpoint_with_a_survey() -> None:
    case = edited("touchpoints.yaml", "  survey: delivery\n", "  act: case\n")
    assert findings(case) == [
        'sources.yaml:19: no touchpoint "delivered" with a survey, there is none yet'
    ]


def test_findings_of_all_files_come_together_and_in_order() -> None:
    files = catalog_files({"policy.yaml": "x: 1"})
    files["touchpoints.yaml"] = files["touchpoints.yaml"].replace(b"1h", b"1x")
    files["routing.yaml"] = files["routing.yaml"].replace(b"team: care", b"team: nobody")
    places = [finding.split(": ")[0] for finding in findings(files)]
    assert places == ["policy.yaml:1", "routing.yaml:1", "touchpoints.yaml:4"]


def test_an_unknown_file_is_found_with_the_name_that_was_meant() -> None:
    assert findings(catalog_files({"touchpoint.yaml": "- x"})) == [
        'touchpoint.yaml:1: not a file of the catalog, did you mean "touchpoints.yaml"?'
    ]


@pytest.mark.parametrize("name", [SOURCE, TOUCH, TEAM, ROUTE])
def test_a_missing_file_is_found_without_an_echo_of_its_names(name: str) -> None:
    files = catalog_files()
    del files[name]
    assert findings(files) == [f"{name}:1: this file is missing, a catalog needs it"]


def test_a_file_that_is_not_text_is_found() -> None:
    files = catalog_files() | {"teams.yaml": b"\xff\xfe\x00"}
    assert findings(files) == ["teams.yaml:1: not text in UTF-8, save it as UTF-8"]


def test_nothing_may_wait_for_who_has_answered_an_anonymous_survey() -> None:
    files = edited(SURVEY, "metric: csat\n", "metric: csat\nanonymous: true\n")
    load_files(files)
    waiting = files[TOUCH] + b"  reminder: {after: 3d}\n"
    assert findings({**files, TOUCH: waiting}) == [
        'touchpoints.yaml:7: survey "delivery" is anonymous, so nobody knows who has '
        "answered: remove `reminder`"
    ]
    recovery = files[TOUCH].replace(ON.encode(), b"on: {case: resolved}")
    assert findings({**files, TOUCH: recovery}) == [
        'touchpoints.yaml:5: survey "delivery" is anonymous, so nobody knows who has '
        "answered about which case: take another survey"
    ]
