"""What messages say besides the question, in every language they are written in."""

from __future__ import annotations

from collections.abc import Mapping

from services.ask.letters import Letter
from shared.catalog.catalog import NotInCatalog
from shared.catalog.fields import in_language

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "press": "Choose a number, then press Send on the page that opens.",
        "open": "Answer on one short page",
        "why": "Why you get this: on {date} you had to do with {brand}. We ask about it once.",
        "why_again": "Why you get this: on {date} you had to do with {brand}. "
        "This is our only reminder.",
        "again": "You have not answered yet. If you still want to, it takes a minute.",
        "reminder": "Reminder: ",
        "ends": "{low} = {low_label}, {high} = {high_label}",
        "full_stop": ". ",
        "reference": "Reference: {reference}",
        "until": "The link works until {date}.",
        "stop": "Do not ask me again",
        "help": "Need help instead?",
        "question": "A question about this?",
        "short_stop": "No more questions: {url}",
    },
    "zh": {
        "press": "请选择一个分数，然后在打开的页面上按“发送”。",
        "open": "打开一页简短的问卷",
        "why": "您收到此邮件的原因：{date}您曾与{brand}有过往来。此事我们只询问一次。",
        "why_again": "您收到此邮件的原因：{date}您曾与{brand}有过往来。我们只提醒这一次。",
        "again": "您还没有回答。如果您仍愿意，只需一分钟。",
        "reminder": "提醒：",
        "ends": "{low} = {low_label}，{high} = {high_label}",
        "full_stop": "。",
        "reference": "参考编号：{reference}",
        "until": "链接有效期至{date}。",
        "stop": "不再询问我",
        "help": "需要帮助？",
        "question": "对此有疑问？",
        "short_stop": "不再询问：{url}",
    },
}
DATES: Mapping[str, str] = {
    "en": "{0.day} {0:%B} {0.year}",
    "zh": "{0.year}年{0.month}月{0.day}日",
}


def frame(language: str) -> str:
    """Return the language of the words around a question."""
    return "zh" if language.partition("-")[0] == "zh" else "en"


def told(letter: Letter) -> tuple[str, str]:
    """Return subject and text of a notice in the language of its customer; raises NotInCatalog."""
    if letter.notice is None:
        raise NotInCatalog(f'touchpoint "{letter.invitation.touchpoint}" has no notice any more')
    language = letter.invitation.language
    return in_language(letter.notice.subject, language), in_language(letter.notice.text, language)


def line(letter: Letter) -> str:
    """Return the whole message in a few lines, for channels that have no more room."""
    if letter.survey is None:
        return f"{letter.brand.name}: {told(letter)[1]}"
    language = letter.survey.language(letter.invitation.language)
    words = WORDS[frame(language)]
    question = in_language(letter.survey.question, language)
    lead = words["reminder"] if letter.kind == "reminder" else ""
    stop = words["short_stop"].format(url=letter.stop_url)
    return f"{letter.brand.name}: {lead}{question} {letter.invitation.survey_url} {stop}"
