"""A contact's life: its states, what may follow what, and its id.

Postgres holds the same table (`contact_may_become`) and refuses anything else; a test keeps the two equal.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum

from duecourse.domain.errors import InputError
from duecourse.domain.value import value


class ContactState(StrEnum):
    PLANNED = "planned"
    RELEASED = "released"
    """Handed to a channel's queue; a hint, nothing more."""
    SENDING = "sending"
    """An attempt is armed: a request may be on its way."""
    UNKNOWN = "unknown"
    """Perhaps processed by the provider; being resolved."""
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    REJECTED = "rejected"
    ASSUMED_SENT = "assumed_sent"
    """Nobody can tell: counted as a contact, listed for a person."""
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class AttemptKind(StrEnum):
    """Why a provider is called about a contact."""

    SEND = "send"
    RECALL = "recall"
    """The same call again, with the same key: only where the provider de-duplicates."""
    LOOKUP = "lookup"
    """A question: do you know our reference?"""


@value
class Disposition:
    """Where an outcome takes a contact."""

    state: ContactState
    reason: str | None = None
    not_before: datetime | None = None
    """Business time, for a contact that goes back to planned."""
    resolve_after_s: float | None = None
    """For an unknown one: how long to wait before it may be asked about."""
    negative: bool = False
    """The provider was asked and knows nothing of it."""
    failed: bool = False
    """Counts against the budget of tries."""
    unsent: bool = False
    """Proved not sent: it stops counting against the borrower's contact budget."""
    next_channel: bool = False
    """The rung may be tried on its next channel."""


_S = ContactState

TRANSITIONS: dict[ContactState, frozenset[ContactState]] = {
    # A planned or released row may turn out accepted: a frozen worker's late settle is evidence and must count.
    _S.PLANNED: frozenset({_S.RELEASED, _S.SUPPRESSED, _S.CANCELLED, _S.EXPIRED, _S.ACCEPTED, _S.DELIVERED,
                           _S.UNDELIVERED, _S.REJECTED}),
    _S.RELEASED: frozenset({_S.PLANNED, _S.SENDING, _S.SUPPRESSED, _S.CANCELLED, _S.EXPIRED, _S.ACCEPTED,
                            _S.DELIVERED, _S.UNDELIVERED, _S.REJECTED}),
    # A receipt may overtake the response, hence delivered straight from sending.
    _S.SENDING: frozenset({_S.ACCEPTED, _S.REJECTED, _S.PLANNED, _S.UNKNOWN, _S.DELIVERED, _S.UNDELIVERED}),
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.REJECTED, _S.PLANNED, _S.ASSUMED_SENT, _S.DELIVERED, _S.UNDELIVERED}),
    _S.ASSUMED_SENT: frozenset({_S.ACCEPTED, _S.DELIVERED, _S.UNDELIVERED}),
    _S.ACCEPTED: frozenset({_S.DELIVERED, _S.UNDELIVERED}),
    _S.UNDELIVERED: frozenset({_S.DELIVERED}),
    _S.DELIVERED: frozenset(),
    _S.REJECTED: frozenset({_S.ACCEPTED, _S.DELIVERED}),
    _S.SUPPRESSED: frozenset({_S.ACCEPTED, _S.DELIVERED}),
    _S.CANCELLED: frozenset({_S.ACCEPTED, _S.DELIVERED}),
    _S.EXPIRED: frozenset({_S.ACCEPTED, _S.DELIVERED}),
}  # fmt: skip

#: Not yet with a provider: a payment, a hold or the passing of time may still end it.
PENDING = frozenset({_S.PLANNED, _S.RELEASED})
#: Nothing more is expected of us.
SETTLED = frozenset(_S) - PENDING - {_S.SENDING, _S.UNKNOWN}


#: A contact id carries its due month in the high bits, so an id alone finds its partition.
#: 36 bits of sequence leave 2^53 (what JSON keeps exact) for due dates up to the year 10,000.
_SEQUENCE_BITS = 36


def month_base(day: date) -> int:
    """The smallest contact id of the month of `day`. Equal to SQL's `contact_month_base`."""
    return (day.year * 12 + day.month - 1) << _SEQUENCE_BITS


def due_month(contact_id: int) -> date:
    """The first day of the contact's due month.

    Raises:
        InputError: no contact has such an id.
    """
    year, month = divmod(contact_id >> _SEQUENCE_BITS, 12)
    if not date.min.year <= year <= date.max.year:
        raise InputError(f"{contact_id} is no contact id")
    return date(year, month + 1, 1)


def due_range(contact_ids: Iterable[int]) -> tuple[date, date]:
    """The half-open range of due dates that these contacts can have: what prunes partitions."""
    months = {contact_id >> _SEQUENCE_BITS for contact_id in contact_ids}
    return due_month(min(months) << _SEQUENCE_BITS), due_month((max(months) + 1) << _SEQUENCE_BITS)
