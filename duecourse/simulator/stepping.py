"""When the virtual clock stops next: at what is due, coalesced to a grid, never far. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

GRID = timedelta(minutes=5)
"""Retries a few seconds apart share a step."""
REACH = timedelta(hours=3)
"""The longest jump: inside what is planned ahead, and no act of a borrower waits longer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_step(now: datetime, due: Iterable[datetime | None], end: datetime) -> datetime:
    """The next business time to go to: after `now`, at most `end`.

    Args:
        now: where the clock stands.
        due: instants at which something is due; None and what has passed is left out.
        end: where the clock stops for good.
    """
    coming = min((at for at in due if at is not None and at > now), default=end)
    return min(max(rounded_up(coming), rounded_up(now + timedelta(microseconds=1))), rounded_up(now + REACH), end)


def rounded_up(at: datetime) -> datetime:
    """The first instant of the grid at or after `at`."""
    return at + (_EPOCH - at) % GRID
