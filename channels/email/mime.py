"""Makes the bytes of one email, and refuses whatever would let a value become a header, an address or a command."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from channels.email.return_path import marked
from duecourse.domain.message import Outbound

#: 7-bit bodies, as not every server on the way offers 8BITMIME; lines folded at 78 as RFC 5322 asks.
_POLICY = SMTP.clone(cte_type="7bit")
#: What a template may set: nothing that says who we are, where it goes or how the body is read.
_EXTRA_HEADER = re.compile(r"(List|X|Feedback|Auto|Precedence)(-[A-Za-z0-9]+)*", re.IGNORECASE)
_HEADER_TEXT = re.compile(r"[\x20-\x7e]{1,900}")
#: An atom of RFC 5322 without the `+` that marks the return path.
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,48}(\.[A-Za-z0-9_-]{1,48})*")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
#: Controls, and what Python or a mail reader takes for the end of a line.
_LINE_END = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN_LENGTH = 60
BOUNCE = "bounce"


class Unsendable(Exception):
    """This message cannot be put into an email. Its text is a code, never a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who writes, and the domain that carries Message-ID and return path."""

    name: str
    address: str
    domain: str
    reply_to: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The first seals what bounces come back to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """An email, from whom and to whom."""

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    """With CRLF line ends, not yet dot-stuffed."""


def compose(message: Outbound, sender: Sender, at: datetime) -> Envelope:
    """The email for `message`, dated `at`.

    Raises:
        Unsendable: an address, a subject, a header or the reference cannot be written safely.
    """
    mark = marked(checked_reference(message.reference), sender.secrets)
    recipient = mailbox(message.to)
    head = [
        f"Message-ID: <{mark}@{sender.domain}>",
        *_extra_headers(message),
        *_own_headers(sender, recipient, at),
    ]
    head.append(f"Subject: {_encoded(message.body.subject or '', 'Subject')}")
    content = "".join(f"{line}\r\n" for line in head).encode("ascii") + _body(message)
    return Envelope(sender=f"{BOUNCE}+{mark}@{sender.domain}", recipient=recipient, content=content)


def mailbox(address: str) -> str:
    """The address in ASCII, its domain in IDNA.

    Raises:
        Unsendable: it is none, or would need SMTPUTF8.
    """
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or ".." in f".{local}.":
        raise Unsendable("bad_address")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError as exc:
        raise Unsendable("bad_address") from exc
    if not _DOMAIN.fullmatch(ascii_domain):
        raise Unsendable("bad_address")
    return f"{local}@{ascii_domain}"


def checked_reference(reference: str) -> str:
    if not _REFERENCE.fullmatch(reference):
        raise Unsendable("bad_reference")
    return reference


def _extra_headers(message: Outbound) -> list[str]:
    """The template's headers, unfolded: a link that is folded is a broken one."""
    for name, value in message.body.headers.items():
        if not _EXTRA_HEADER.fullmatch(name) or not _HEADER_TEXT.fullmatch(value):
            raise Unsendable("bad_header")
    return [f"{name}: {value}" for name, value in message.body.headers.items()]


def _own_headers(sender: Sender, recipient: str, at: datetime) -> list[str]:
    name = formataddr((sender.name, "")).removesuffix(" <>") if sender.name.isascii() else _encoded(sender.name, "From")
    reply_to = [f"Reply-To: {sender.reply_to}"] if sender.reply_to else []
    return [f"From: {name} <{sender.address}>", f"To: {recipient}", *reply_to, f"Date: {format_datetime(at)}"]


def _encoded(text: str, header: str) -> str:
    """Short ASCII as it is, anything else as encoded words (RFC 2047).

    By the older `Header`: the newer policy of Python 3.11 loses blanks between encoded words where it folds.
    """
    if _LINE_END.search(text):
        raise Unsendable("bad_header")
    if text.isascii() and len(text) <= _PLAIN_LENGTH and "=?" not in text:
        return text
    try:
        return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")
    except UnicodeError as exc:
        raise Unsendable("bad_header") from exc


def _body(message: Outbound) -> bytes:
    mail = EmailMessage(policy=_POLICY)
    try:
        mail.set_content(message.body.text)
        if message.body.html:
            mail.add_alternative(message.body.html, subtype="html")
        return mail.as_bytes()
    except UnicodeError as exc:
        raise Unsendable("bad_text") from exc
