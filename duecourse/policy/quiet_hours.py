"""The hours in which nothing leaves, by the borrower's own clock, as the settings say them."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from duecourse.policy.packs.periods import MIDNIGHT, Hours
from duecourse.policy.packs.vocabulary import Day


@dataclass(frozen=True, kw_only=True, slots=True)
class Quiet:
    """The local-time span in which nothing leaves: from `start` (evening) to `end` (morning), `end` excluded."""

    start: time
    end: time

    def covers(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Is it quiet there and then? `moment` is aware."""
        return self.covers_time(moment.astimezone(zone).time())

    def covers_time(self, local: time) -> bool:
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def open_hours(self) -> tuple[Hours, ...]:
        """What is left of every day, to the minute."""
        start, end = _minute(self.start), _minute(self.end)
        spans = [(0, start), (end, MIDNIGHT)] if start < end else [(end, start)]
        return tuple(Hours(days=frozenset(Day), start=a, end=b) for a, b in spans if a < b)


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute
