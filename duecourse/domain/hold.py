"""Intervals and demands that silence the outreach, by the lender's own borrower numbers."""

from dataclasses import dataclass
from datetime import datetime

from duecourse.domain.demand import Scope
from duecourse.domain.vocabulary import ChannelKind


@dataclass(frozen=True, kw_only=True, slots=True)
class NewHold:
    """A hold to be placed: on the borrower, or on one loan; of every channel, or of one."""

    borrower: str
    loan: str | None = None
    channel: ChannelKind | None = None
    reason: str
    """A short code or word: hardship, dispute, disaster. No personal data."""
    starts_at: datetime | None = None
    """None: at once."""
    ends_at: datetime | None = None
    """None: until released."""
    placed_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    hold_id: int
    borrower: str
    loan: str | None
    channel: str | None
    """A word of `ChannelKind`; None is every channel."""
    reason: str
    starts_at: datetime
    ends_at: datetime | None
    placed_by: str
    released_at: datetime | None
    released_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """A demand to stop one channel, or everything."""

    borrower: str
    channel: ChannelKind | None
    scope: Scope
    source: str
    demand_id: int | None
    """Its proof, if it came in words or by a link."""
    at: datetime
    revoked_at: datetime | None
