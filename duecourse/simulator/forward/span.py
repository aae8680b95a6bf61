"""From when to when a simulation runs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Business time, aware; the end is excluded."""

    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        return (self.end - self.start).days
