"""What a borrower does, and what made them do it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from duecourse.domain.value import value
from duecourse.domain.vocabulary import ChannelKind

#: Nobody moved them: they paid, or rang, by themselves.
OF_THEMSELVES = "self"


class Deed(StrEnum):
    PAY = "pay"
    STOP = "stop"
    """Demands that a channel be left alone, by its own means: an answer, a link, a switch in the app."""
    COMPLAIN = "complain"
    HARDSHIP = "hardship"
    """Says that they cannot pay."""
    CALL = "call"
    """Rings the lender."""
    DIAL = "dial"
    """Is rung by one of the lender's people: no deed of the borrower's, but it waits in the same line."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Act:
    """One deed at one business time. Ordered by time, then by what makes it unique."""

    at: datetime
    deed: Deed
    borrower: str
    loan: str = ""
    due_on: date = date.min
    share: float = 1.0
    """Of what is left to pay."""
    cause: str = OF_THEMSELVES
    """A template, `call`, or `self`."""
    channel: str = ""
    contact_id: int = 0


@value
class Touch:
    """A message that reached somebody."""

    contact_id: int
    channel: ChannelKind
    template: str
    due_on: date
    loans: tuple[str, ...]
    """The lender's numbers of the loans that it is about."""
    named: bool
    """The borrower's name stands in it."""
    segments: int
    at: datetime


class Talk(NamedTuple):
    """A call that took one of the lender's people some time."""

    at: datetime
    seconds: float
    rang: bool
    """The borrower did; else the person dialled."""
    spoke: bool
