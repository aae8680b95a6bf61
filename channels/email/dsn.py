"""Reads what comes back to the return path: bounces (RFC 3464) and complaints of a feedback loop (RFC 5965).

What bounced is known by the return path that the report was sent to, or by the Message-ID of the returned message.
Anybody may send such a report: it only counts where a gateway that we trust posts it, and with our own seal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, message_from_string
from email.message import Message
from email.utils import parsedate_to_datetime

from channels.email.mime import BOUNCE
from channels.email.replies import by_enhanced
from channels.email.return_path import first_believed
from duecourse.domain.message import Receipt
from duecourse.domain.vocabulary import ReceiptKind

#: RFC 3464, 2.3.3. `delayed`, `relayed` and `expanded` are no end.
_ACTIONS = {"failed": ReceiptKind.UNDELIVERED, "delivered": ReceiptKind.DELIVERED}
#: RFC 5965, 7.3: `not-spam` takes a complaint back, which is a person's to judge.
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other"})
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_TO_US = ("To", "Delivered-To", "X-Original-To", "Envelope-To")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What makes a message ours: the domain of its marks, and the secrets that may have sealed them."""

    domain: str
    secrets: tuple[str, ...] = field(repr=False)


def parse_report(raw: bytes, origin: Origin) -> Receipt | None:
    """A bounce or a complaint about one of our messages; None for any other mail."""
    mail = _read(raw)
    return _bounce(mail, origin) or _complaint(mail, origin)


def _read(raw: bytes) -> Message:
    """An empty mail where the parts lie so deep that nobody would write them in earnest."""
    try:
        return message_from_bytes(raw)
    except RecursionError:
        return Message()


def _bounce(mail: Message, origin: Origin) -> Receipt | None:
    report = _blocks(mail, "message/delivery-status")
    recipient = next((block for block in report if block["Action"]), None)
    reference = _reference(mail, origin)
    if recipient is None or reference is None:
        return None
    action = str(recipient["Action"]).strip().lower()
    kind, status = _ACTIONS.get(action), _status(recipient)
    if kind is None:
        return None
    meaning = by_enhanced(status) if kind is ReceiptKind.UNDELIVERED and status else None
    return Receipt(
        event_key=f"{reference}:{action}:{status}",
        kind=kind,
        at=_date(mail),
        reference=reference,
        code=status,
        address_invalid=bool(meaning and meaning.address_invalid),
    )


def _complaint(mail: Message, origin: Origin) -> Receipt | None:
    report = next(iter(_blocks(mail, "message/feedback-report")), None)
    reference = _reference(mail, origin)
    if report is None or reference is None:
        return None
    kind = str(report["Feedback-Type"] or "").strip().lower()
    if kind not in _COMPLAINTS:
        return None
    return Receipt(
        event_key=f"{reference}:{kind}",
        kind=ReceiptKind.COMPLAINED,
        at=_date(mail),
        reference=reference,
        code=kind,
    )


def _parts(mail: Message) -> list[Message]:
    """Of a report only: one that somebody forwards inside another mail says nothing."""
    payload = mail.get_payload() if mail.get_content_type() == "multipart/report" else []
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _blocks(mail: Message, kind: str) -> list[Message]:
    """The header blocks of a report's machine-readable part."""
    payloads = [part.get_payload() for part in _parts(mail) if part.get_content_type() == kind]
    return [block for blocks in payloads if isinstance(blocks, list) for block in blocks if isinstance(block, Message)]


def _status(recipient: Message) -> str | None:
    """`Status`, or the one inside `Diagnostic-Code` where `Status` says only that it failed (as Exim does)."""
    found = _STATUS.search(str(recipient["Status"] or ""))
    status = found[1] if found else None
    if status is None or status.endswith(".0.0"):
        closer = _STATUS.search(str(recipient["Diagnostic-Code"] or ""))
        return closer[1] if closer else status
    return status


def _reference(mail: Message, origin: Origin) -> str | None:
    """Ours: of the returned message's own id, which keeps its case, or of the return path."""
    place = re.escape(origin.domain)
    own_id = re.compile(rf"<([A-Za-z0-9._=-]+)@{place}>", re.IGNORECASE)
    path = re.compile(rf"\b{BOUNCE}\+([A-Za-z0-9._=-]+)@{place}\b", re.IGNORECASE)
    returned = [own_id.search(str(message["Message-ID"] or "")) for message in _returned(mail)]
    addressed = [path.search(str(value)) for name in _TO_US for value in mail.get_all(name, [])]
    sent_from = [
        path.search(str(block["Original-Mail-From"] or "")) for block in _blocks(mail, "message/feedback-report")
    ]
    return first_believed((found[1] for found in (*returned, *addressed, *sent_from) if found), origin.secrets)


def _returned(mail: Message) -> Iterator[Message]:
    """The message that came back, whole or its headers only."""
    for part in _parts(mail):
        payload = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list):
            yield from (message for message in payload if isinstance(message, Message))
        elif part.get_content_type() == "text/rfc822-headers" and isinstance(payload, str):
            yield message_from_string(payload)


def _date(mail: Message) -> datetime | None:
    try:
        at = parsedate_to_datetime(str(mail["Date"]))
    except ValueError:
        return None
    return at if at.tzinfo else None
