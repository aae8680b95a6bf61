"""The two small pages a borrower may see, in the languages we write in. No script, no image, nothing from elsewhere."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from html import escape

_STYLE = (
    "body{font:1.125rem/1.6 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1.25rem;color:#1a1a1a;"
    "background:#fff}button{font:inherit;padding:.6rem 1.4rem;border:2px solid #0b4f8a;border-radius:.4rem;"
    "background:#0b4f8a;color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #f5a623;outline-offset:2px}"
)
#: Of the one style that the browser may apply.
STYLE_DIGEST = "sha256-" + b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    language: str
    title: str
    question: str
    what_stays: str
    button: str
    done: str
    gone: str


_ENGLISH = Words(
    language="en",
    title="Stop these messages",
    question="Do you want us to stop sending you reminders this way?",
    what_stays="What you owe and when it is due does not change.",
    button="Stop the messages",
    done="Done. We will not send you reminders this way any more.",
    gone="This link is not valid.",
)
_CHINESE = Words(
    language="zh-CN",
    title="停止接收提醒",
    question="您确定不再通过这种方式接收还款提醒吗？",
    what_stays="您的应还金额和还款日期不受影响。",
    button="停止接收",
    done="已完成。我们不会再通过这种方式向您发送提醒。",
    gone="此链接无效。",
)


def words_for(accept_language: str) -> Words:
    """The first language of the header that we write in; English where there is none."""
    wishes = []
    for place, part in enumerate(accept_language.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        wishes.append((-_weight(weight), place, tag.casefold()))
    for _, _, tag in sorted(wishes):
        if tag.startswith("zh"):
            return _CHINESE
        if tag.startswith("en"):
            return _ENGLISH
    return _ENGLISH


def confirm_page(words: Words, lender: str) -> str:
    """Asks. Following a link changes nothing: mail scanners follow links."""
    return _page(
        words,
        lender,
        f"<p>{escape(words.question)}</p><p>{escape(words.what_stays)}</p>"
        '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
        f'<button type="submit">{escape(words.button)}</button></form>',
    )


def done_page(words: Words, lender: str) -> str:
    return _page(words, lender, f'<p role="status">{escape(words.done)}</p><p>{escape(words.what_stays)}</p>')


def gone_page(words: Words, lender: str) -> str:
    return _page(words, lender, f'<p role="alert">{escape(words.gone)}</p>')


def _page(words: Words, lender: str, content: str) -> str:
    title = escape(words.title)
    return (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title} – {escape(lender)}</title><style>{_STYLE}</style></head>"
        f"<body><main><p>{escape(lender)}</p><h1>{title}</h1>{content}</main></body></html>"
    )


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
