"""What the gate leaves to people: a contact that waits for somebody to look, and what they decided."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from duecourse.domain.contact import ContactState
from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind

_LONGEST = 200
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
#: What a mailbox has, and what a number of a phone or an account is.
_OF_SOMEBODY = re.compile(r"@|\d(?:[ ().-]?\d){6}")


class ReviewDecision(StrEnum):
    ALLOW = "allow"
    """The rules that left it to a person bind this contact no more."""
    REFUSE = "refuse"
    AGAIN = "again"
    """Its cause is removed: the gate is asked once more, and nothing is lifted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDecision:
    """A person's word on a review.

    Raises:
        InputError: `by` is no code, or `reason` is missing, too long or tells who somebody is.
    """

    decision: ReviewDecision
    by: str
    """A number or code, never a name."""
    reason: str

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.by):
            raise InputError("by: must be a code of letters, digits, dots and dashes, without spaces")
        if not self.reason.strip():
            raise InputError("reason: must not be empty")
        if len(self.reason) > _LONGEST or not self.reason.isprintable():
            raise InputError(f"reason: must be one line of at most {_LONGEST} characters")
        if _OF_SOMEBODY.search(_DATE.sub("", self.reason)):
            raise InputError("reason: holds a number or an address of somebody, and is kept for ever: leave it out")


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    review_id: int
    contact_id: int
    borrower: str
    """The lender's own id."""
    due_on: date
    channel: ChannelKind
    cadence: str
    rung: str
    rules: tuple[str, ...]
    """Those that asked."""
    verdict: Mapping[str, Any]
    """As JSON: what the gate said then."""
    asked_at: datetime
    not_after: datetime
    state: ContactState
    """The contact's, now."""
    waits: bool
    """Somebody can still decide."""
    decision: ReviewDecision | None
    lifts: tuple[str, ...]
    decided_by: str | None
    reason: str | None
    decided_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What became of a person's word."""

    review: Review
    """As it stood before."""
    lifts: tuple[str, ...] = ()
    repeated: bool = False
    """The same had been decided before."""
