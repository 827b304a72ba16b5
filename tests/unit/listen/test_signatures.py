"""Signatures of webhooks, against vectors that their senders published."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks import Webhook as Library

from services.listen.signatures import Doubtful, Genuine, Verdict, check, unusable
from shared.catalog.webhooks import Webhook

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"id": "evt_1", "amount": 5.50}'
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


def of(scheme: str, **more: object) -> Webhook:
    return Webhook.model_validate({"scheme": scheme, "secrets": ["one"], **more})


def mac(secret: bytes, content: bytes, digest: str = "sha256") -> bytes:
    return hmac.new(secret, content, digest).digest()


def stripe(secret: str, stamp: str = STAMP, body: bytes = BODY) -> dict[str, str]:
    made = mac(secret.encode(), f"{stamp}.".encode() + body).hex()
    return {"stripe-signature": f"t={stamp},v1={made},v0=6ffbb59b2300aae63f2724"}


def reason(verdict: Verdict) -> str:
    return verdict.reason if isinstance(verdict, Doubtful) else "genuine"


def judge(
    webhook: Webhook,
    headers: Mapping[str, str],
    *secrets: str,
    body: bytes = BODY,
    now: datetime = NOW,
) -> str:
    return reason(check(webhook, secrets, headers, body, now))


def test_the_vector_of_standard_webhooks(shared_data: Path) -> None:
    path = shared_data / "conformance" / "standard_webhooks" / "vector.json"
    vector = json.loads(path.read_text("utf-8"))
    headers = {name: text for name, text in vector.items() if name.startswith("webhook-")}
    now = datetime.fromtimestamp(int(vector["webhook-timestamp"]), UTC)
    body = vector["body"].encode()
    verdict = check(of("standard"), [vector["secret"]], headers, body, now)
    assert isinstance(verdict, Genuine)
    assert verdict.delivery == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert judge(of("standard"), headers, vector["secret"], body=body, now=NOW) == "stale"


def test_the_vector_of_a_code_host() -> None:
    webhook = of("hmac", header="X-Hub-Signature-256", prefix="sha256=")
    signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": f"sha256={signature}"}
    secret = "It's a Secret to Everybody"
    assert judge(webhook, headers, secret, body=b"Hello, World!") == "genuine"
    assert judge(webhook, headers, secret, body=b"Hello, World?") == "bad_signature"


def test_the_vector_of_a_chat_service() -> None:
    webhook = of(
        "hmac",
        header="X-Slack-Signature",
        prefix="v0=",
        signed="v0:{timestamp}:{body}",
        timestamp_header="X-Slack-Request-Timestamp",
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    then = datetime.fromtimestamp(1531420618, UTC)
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    assert judge(webhook, headers, secret, body=SLACK_BODY, now=then) == "genuine"
    assert judge(webhook, headers, secret, body=SLACK_BODY) == "stale"


@given(body=st.text().map(str.encode), id=st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True))
def test_what_the_library_of_standard_webhooks_signs_is_genuine(body: bytes, id: str) -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 24).decode()
    signature = Library(secret).sign(id, NOW, body.decode())
    headers = {"webhook-id": id, "webhook-timestamp": STAMP, "webhook-signature": signature}
    assert judge(of("standard"), headers, secret, body=body) == "genuine"
    assert judge(of("standard"), {**headers, "webhook-id": "x" + id}, secret) == "bad_signature"


def test_a_key_may_be_changed_on_either_side_first() -> None:
    old, new = ("whsec_" + base64.b64encode(each * 24).decode() for each in (b"o", b"n"))
    both = " ".join(Library(each).sign("m1", NOW, BODY.decode()) for each in (old, new))
    headers = {"webhook-id": "m1", "webhook-timestamp": STAMP, "webhook-signature": both}
    for ours in ([old], [new], [new, old]):
        assert judge(of("standard"), headers, *ours) == "genuine"
    alone = {**headers, "webhook-signature": both.split(" ")[0]}
    assert judge(of("standard"), alone, new) == "bad_signature"
    assert judge(of("standard"), alone, new, old) == "genuine"


def test_stripe_signs_time_and_body_and_may_sign_with_two_keys() -> None:
    assert judge(of("stripe"), stripe("whsec_a"), "whsec_a") == "genuine"
    assert judge(of("stripe"), stripe("whsec_a"), "whsec_b") == "bad_signature"
    one, other = stripe("whsec_a"), stripe("whsec_b")
    rolled = one["stripe-signature"] + "," + other["stripe-signature"].split(",")[1]
    assert judge(of("stripe"), {"stripe-signature": rolled}, "whsec_b") == "genuine"


def test_only_the_current_kind_of_stripe_signature_counts() -> None:
    made = mac(b"s", f"{STAMP}.".encode() + BODY).hex()
    assert judge(of("stripe"), {"stripe-signature": f"t={STAMP},v0={made}"}, "s") == "unsigned"


def test_shopify_signs_the_body_alone() -> None:
    signature = base64.b64encode(mac(b"hush", BODY)).decode()
    headers = {"x-shopify-hmac-sha256": signature}
    verdict = check(of("shopify"), ["hush"], headers, BODY, NOW)
    assert isinstance(verdict, Genuine)
    assert not verdict.dated
    assert judge(of("shopify"), headers, "hush", body=BODY + b" ") == "bad_signature"


def test_zendesk_signs_time_and_body_with_nothing_between() -> None:
    stamp = "2026-03-02T08:00:00Z"
    signature = base64.b64encode(mac(b"z", stamp.encode() + BODY)).decode()
    headers = {
        "x-zendesk-webhook-signature": signature,
        "x-zendesk-webhook-signature-timestamp": stamp,
    }
    assert judge(of("zendesk"), headers, "z") == "genuine"
    assert judge(of("zendesk"), headers, "z", now=NOW + timedelta(hours=1)) == "stale"
    del headers["x-zendesk-webhook-signature-timestamp"]
    assert judge(of("zendesk"), headers, "z") == "unsigned"


def test_a_help_desk_that_signs_with_sha1_is_described() -> None:
    webhook = of("hmac", header="X-Hub-Signature", prefix="sha1=", digest="sha1")
    headers = {"x-hub-signature": "sha1=" + mac(b"q", BODY, "sha1").hex()}
    assert judge(webhook, headers, "q") == "genuine"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(-301, "stale", id="just too old"),
        pytest.param(-300, "genuine", id="as old as may be"),
        pytest.param(300, "genuine", id="as far ahead as may be"),
        pytest.param(301, "stale", id="too far ahead"),
    ],
)
def test_a_request_counts_within_the_tolerance(seconds: int, expected: str) -> None:
    stamp = str(int(NOW.timestamp()) + seconds)
    assert judge(of("stripe"), stripe("s", stamp), "s") == expected


@pytest.mark.parametrize("stamp", ["soon", "9" * 16, "-1", "1e9", "2026-13-45T99:99:99Z"])
def test_a_signed_time_that_is_none_is_stale(stamp: str) -> None:
    assert judge(of("stripe"), stripe("s", stamp), "s") == "stale"


def test_milliseconds_are_a_time_too() -> None:
    assert judge(of("stripe"), stripe("s", STAMP + "000"), "s") == "genuine"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("Basic " + base64.b64encode(b"kb:hush").decode(), "genuine", id="right"),
        pytest.param("basic " + base64.b64encode(b"kb:old").decode(), "genuine", id="the old one"),
        pytest.param("Basic " + base64.b64encode(b"kb:hus").decode(), "bad_signature", id="wrong"),
        pytest.param("Bearer kb:hush", "unsigned", id="another kind"),
        pytest.param("", "unsigned", id="none"),
    ],
)
def test_user_and_password(header: str, expected: str) -> None:
    assert judge(of("basic"), {"authorization": header}, "kb:hush", "kb:old") == expected


def test_copies_have_the_same_content_whichever_key_signed_them() -> None:
    one = check(of("stripe"), ["a", "b"], stripe("a"), BODY, NOW)
    other = check(of("stripe"), ["a", "b"], stripe("b"), BODY, NOW + timedelta(minutes=1))
    assert isinstance(one, Genuine)
    assert one == other


@given(
    st.sampled_from(["stripe", "shopify", "zendesk", "standard", "basic"]),
    st.text(),
    st.text(),
    st.binary(),
)
def test_whatever_stands_in_the_headers_nothing_breaks_and_nothing_passes(
    scheme: str, signature: str, stamp: str, body: bytes
) -> None:
    names = ["stripe-signature", "x-shopify-hmac-sha256", "x-zendesk-webhook-signature"]
    names += ["webhook-signature", "authorization"]
    stamps = ["x-zendesk-webhook-signature-timestamp", "webhook-timestamp", "webhook-id"]
    headers = {**dict.fromkeys(names, signature), **dict.fromkeys(stamps, stamp)}
    assert judge(of(scheme), headers, "c2VjcmV0", body=body) != "genuine"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scheme": "hmac"}, "scheme hmac needs `header`"),
        ({"scheme": "stripe", "prefix": "x"}, "`prefix` belongs to scheme hmac"),
        ({"scheme": "hmac", "header": "X", "signed": "{id}"}, "`signed` is made of"),
        ({"scheme": "hmac", "header": "X", "signed": "{body}{body}"}, "`signed` is made of"),
        ({"scheme": "hmac", "header": "X", "signed": "{timestamp}{body}"}, "go together"),
        ({"scheme": "hmac", "header": "X", "timestamp_header": "T"}, "go together"),
        ({"scheme": "stripe", "tolerance": "25h"}, "`tolerance` is at most 24h"),
    ],
)
def test_a_description_that_would_prove_nothing_is_refused(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Webhook.model_validate({"secrets": ["one"], **fields})


@pytest.mark.parametrize(
    ("scheme", "secret", "wrong"),
    [
        ("stripe", "whsec_x", None),
        ("stripe", "", "is empty"),
        ("basic", "hush", "should be user:password"),
        ("standard", "whsec_c2VjcmV0", None),
        ("standard", "whsec_c2", None),
        ("standard", "whsec_c", "is not whsec_ and base64"),
    ],
)
def test_a_secret_that_cannot_work_is_named(scheme: str, secret: str, wrong: str | None) -> None:
    assert unusable(of(scheme), secret) == wrong
