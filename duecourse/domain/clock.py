"""The two times, and the one place that may read a wall clock.

Business time decides due dates, rungs, windows and caps, and may be virtual.
Lease time decides leases and is always real. Deadlines use the monotonic clock instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """One reading of both times, each aware."""

    business: datetime
    lease: datetime

    def __post_init__(self) -> None:
        if self.business.tzinfo is None or self.lease.tzinfo is None:
            raise ValueError("times must be aware: give them a time zone")


class Clock(Protocol):
    """Where a use case takes the time from."""

    async def read(self) -> Times: ...


class FixedClock:
    """A clock that stands still until it is set: the fake of every clock."""

    def __init__(self, business: datetime, lease: datetime | None = None) -> None:
        self.times = Times(business=business, lease=lease or business)

    async def read(self) -> Times:
        return self.times

    def set(self, business: datetime, lease: datetime | None = None) -> None:
        self.times = Times(business=business, lease=lease or business)


def host_now() -> datetime:
    """This machine's time in UTC. For log lines and reports; it decides nothing."""
    return datetime.now(UTC)


Monotonic = Callable[[], float]
"""Seconds that never run backwards, as `time.monotonic`."""
