"""`up` shows a mail with the link that answers it."""

from __future__ import annotations

from email.message import EmailMessage
from io import StringIO

from rich.console import Console

from services.local.post import Post
from services.local.screen import Screen


def shown() -> tuple[Post, StringIO]:
    out = StringIO()
    return Post(Screen(Console(file=out, width=200))), out


async def test_a_mail_is_shown_with_its_link() -> None:
    post, out = shown()
    mail = EmailMessage()
    mail["Subject"] = "How was it?"
    mail.set_content("Please:\nhttp://localhost:8083/s/abc?score=1\nThank you")
    await post.mail("ada@x.example", mail)
    assert out.getvalue() == "@  mail to ada@x.example: How was it? http://localhost:8083/s/abc\n"


async def test_a_mail_without_text_is_shown_too() -> None:
    post, out = shown()
    mail = EmailMessage()
    mail["Subject"] = "Only HTML"
    mail.set_content("<p>x</p>", subtype="html")
    await post.mail("ada@x.example", mail)
    assert out.getvalue() == "@  mail to ada@x.example: Only HTML\n"


async def test_a_webhook_is_shown_with_its_team() -> None:
    post, out = shown()
    await post.hook("care", {"touchpoint": "delivered", "score": {"metric": "csat", "score": 1}})
    assert out.getvalue() == "!  webhook to care: CSAT 1 about delivered\n"
