"""Makes the bytes of one email, and refuses whatever would let a value become a header, an address or a command."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

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
BOUNCE = "bounce"


class Unsendable(Exception):  # noqa: N818 - it says what the message is
    """This message cannot be put into an email. Its text is a code, never a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who writes, and the domain that carries Message-ID and return path."""

    name: str
    address: str
    domain: str
    reply_to: str | None = None


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
    reference = checked_reference(message.reference)
    recipient = mailbox(message.to)
    own = f"Message-ID: <{reference}@{sender.domain}>\r\n" + _extra_headers(message)
    content = own.encode("ascii") + _standard_part(message, sender, (recipient, at))
    return Envelope(sender=f"{BOUNCE}+{reference}@{sender.domain}", recipient=recipient, content=content)


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


def _extra_headers(message: Outbound) -> str:
    """The template's headers as they stand: the standard library would fold a long link and so break it."""
    for name, value in message.body.headers.items():
        if not _EXTRA_HEADER.fullmatch(name) or not _HEADER_TEXT.fullmatch(value):
            raise Unsendable("bad_header")
    return "".join(f"{name}: {value}\r\n" for name, value in message.body.headers.items())


def _standard_part(message: Outbound, sender: Sender, route: tuple[str, datetime]) -> bytes:
    recipient, at = route
    mail = EmailMessage(policy=_POLICY)
    try:
        mail["From"] = Address(sender.name, addr_spec=sender.address)
        mail["To"] = Address(addr_spec=recipient)
        if sender.reply_to:
            mail["Reply-To"] = Address(addr_spec=sender.reply_to)
        mail["Date"] = format_datetime(at)
        mail["Subject"] = message.body.subject or ""
        mail.set_content(message.body.text)
        if message.body.html:
            mail.add_alternative(message.body.html, subtype="html")
        return mail.as_bytes()
    except (ValueError, UnicodeError) as exc:
        raise Unsendable("bad_header") from exc
