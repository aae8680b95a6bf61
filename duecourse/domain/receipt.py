"""A receipt on its way to the contact it speaks of."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from duecourse.domain.contact import ContactState, due_range
from duecourse.domain.errors import InputError
from duecourse.domain.message import Receipt
from duecourse.domain.vocabulary import ChannelKind

_REFERENCE = re.compile(r"(\d{1,16})-\d{1,5}")


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxItem:
    """One stored call, opened."""

    inbox_id: int
    provider: str
    received_at: datetime
    """Lease time."""
    raw: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAside:
    """A stored call that could not be applied, still shut."""

    inbox_id: int
    provider: str
    received_at: datetime
    """Lease time."""
    tries: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """One receipt out of one stored call."""

    inbox_id: int
    provider: str
    channel: ChannelKind
    receipt: Receipt
    received_at: datetime
    """Lease time."""
    patient: bool = False
    """The call is so young that the attempt's own answer, and so its message id, may not be written yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The attempt that a receipt speaks of."""

    contact_id: int
    due_on: date
    borrower_id: int
    number: int
    channel: ChannelKind
    idempotency_key: str
    armed_at: datetime
    """Lease time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a contact stands, its row locked."""

    contact_id: int
    due_on: date
    borrower_id: int
    state: ContactState
    latest_key: str
    """Of its last message: calls that share it count as one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Where receipts take a contact."""

    contact_id: int
    due_on: date
    state: ContactState
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Flagged:
    """A contact point that cannot be reached, and the contact that showed it."""

    contact_point_id: int
    borrower_id: int
    contact_id: int


def contact_of(reference: str) -> int | None:
    """The contact id inside a reference of ours, `<contact id>-<attempt>`; None where it is none of ours."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return None
    contact_id = int(found[1])
    try:
        due_range([contact_id])
    except InputError:
        return None
    return contact_id
