"""What customers receive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest

from services.ask.channels.mail import Composer
from services.ask.channels.smtp import written
from services.ask.letters import BadAddress, Letter
from shared.catalog.policy import Brand
from shared.catalog.touchpoints import Survey
from shared.contracts.asks import Invitation
from tests.support.catalogs import SURVEY
from tests.support.clock import START
from tests.unit.ask.moments import a_catalog

URL = "http://feedback.example/s/TOKEN"
NPS = {"surveys/delivery.yaml": SURVEY.replace("csat", "nps")}


def a_survey(replaced: Mapping[str, str] | None = None) -> Survey:
    """The survey of the test catalog."""
    return a_catalog(replaced).survey("delivery")


def a_letter(
    survey: Survey | None = None,
    *,
    language: str = "en",
    recipient: str = "kim@example.com",
    brand: Brand | None = None,
    reference: str | None = "order 7",
) -> Letter:
    """A letter about a delivery."""
    invitation = Invitation(
        invitation_id="11111111-2222-3333-4444-555555555555",
        decision_id="d1",
        touchpoint="delivered",
        survey="delivery",
        customer_id="c1",
        channel="email",
        language=language,
        survey_url=URL,
        occurred_at=START,
        expires_at=START + timedelta(days=14),
        at=START,
        correlation=reference,
    )
    return Letter(
        invitation=invitation,
        survey=survey or a_survey(),
        brand=brand or Brand(name="Shop"),
        stop_url="http://feedback.example/stop/TOKEN",
        recipient=recipient,
        written_at=START,
    )


def parts(message: EmailMessage) -> tuple[str, str]:
    """Its text and its HTML."""
    found = [message.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (part.get_content() if part else "" for part in found)
    return text, html


def test_each_score_is_a_link_that_preselects_it_in_both_parts() -> None:
    text, html = parts(Composer("ask@shop.example").compose(a_letter()))
    for score in range(1, 6):
        assert f"{URL}?score={score}\n" in text
        assert f'href="{URL}?score={score}"' in html
    assert "score=0" not in html
    assert "score=6" not in html


def test_eleven_scores_stand_in_two_rows() -> None:
    _, html = parts(Composer("ask@shop.example").compose(a_letter(a_survey(NPS))))
    assert html.count("<tr>") == 2
    assert html.count("?score=") == 11


def test_the_mail_says_why_it_came_and_how_to_stop_it() -> None:
    message = Composer("ask@shop.example").compose(a_letter())
    text, html = parts(message)
    for part in (text, html):
        assert "Why you get this: on 2 March 2026 you had to do with Shop." in part
        assert "Reference: order 7" in part
        assert "http://feedback.example/stop/TOKEN" in part
        assert "until 16 March 2026" in part
    assert message["List-Unsubscribe"] == "<http://feedback.example/stop/TOKEN>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_headers_of_plain_characters_go_out_as_they_are_however_long() -> None:
    stop = f"https://feedback.a-longer-name.example/stop/{'t' * 110}"
    brand = Brand(name="Shop" * 12)
    letter = replace(a_letter(brand=brand), stop_url=stop)
    head = written(Composer("ask@shop.example").compose(letter)).partition(b"\r\n\r\n")[0]
    lines = head.decode().split("\r\n")
    assert f"List-Unsubscribe: <{stop}>" in lines
    assert f"Subject: {brand.name}: How was the delivery?" in lines


def test_other_headers_are_encoded_in_lines_of_usual_length() -> None:
    letter = a_letter(language="zh", brand=Brand(name="一家名字很长的店" * 6))
    lines = written(Composer("ask@shop.example").compose(letter)).split(b"\r\n")
    subject = [line for line in lines if b"?5LiA5a62ZCN" in line or line.startswith(b"Subject")]
    assert subject
    assert max(map(len, subject)) <= 78


@pytest.mark.parametrize(
    ("language", "question", "frame"),
    [
        pytest.param("en", "How was the delivery?", "Why you get this", id="English"),
        pytest.param("zh-CN", "配送如何？", "您收到此邮件的原因：2026年3月2日", id="Chinese"),
        pytest.param("fr", "How was the delivery?", "Why you get this", id="falls back"),
    ],
)
def test_the_mail_speaks_the_customers_language(language: str, question: str, frame: str) -> None:
    message = Composer("ask@shop.example").compose(a_letter(language=language))
    assert message["Subject"] == f"Shop: {question}"
    for part in parts(message):
        assert question in part
        assert frame in part


def test_the_message_id_is_the_same_for_every_attempt() -> None:
    ids = {Composer("ask@shop.example").compose(a_letter())["Message-ID"] for _ in range(2)}
    assert ids == {"<11111111-2222-3333-4444-555555555555@shop.example>"}


def test_the_mail_stays_small() -> None:
    assert (
        len(Composer("ask@shop.example").compose(a_letter(a_survey(NPS), language="zh")).as_bytes())
        <= 30 * 1024
    )


def test_texts_of_events_cannot_become_markup_or_headers() -> None:
    letter = a_letter(brand=Brand(name="Shop\r\nBcc: x@evil.example"), reference="<b>7</b>")
    message = Composer("ask@shop.example").compose(letter)
    assert message["Bcc"] is None
    _, html = parts(message)
    assert "<b>" not in html
    assert "&lt;b&gt;7" in html


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("nobody", id="no at sign"),
        pytest.param("", id="empty"),
        pytest.param("a@b.example\r\nBcc: x@evil.example", id="a header inside"),
        pytest.param("a@b.example, c@d.example", id="two addresses"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(BadAddress) as caught:
        Composer("ask@shop.example").compose(a_letter(recipient=address))
    assert "example" not in str(caught.value)


def test_three_part_surveys_are_answered_on_the_page() -> None:
    both = "{en: How, zh: 如何}"
    wanted = f"parts:\n  needs: {both}\n  ease: {both}\n  enjoyment: {both}\n"
    survey = a_survey({"surveys/delivery.yaml": SURVEY.replace("csat", "experience") + wanted})
    text, html = parts(Composer("ask@shop.example").compose(a_letter(survey)))
    assert "?score=" not in text + html
    assert URL in text
