"""The hours in which nothing leaves, by the borrower's own clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from duecourse.domain.zones import instant

#: A zone may skip a whole day at once (Samoa, 30 December 2011); no zone skips two.
_DAYS_AHEAD = 3


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


@lru_cache(maxsize=1024)
def first_allowed(moment: datetime, zone: ZoneInfo, quiet: Quiet) -> datetime:
    """The end of the quiet span that `moment` lies in, in UTC; `moment` itself where it lies in none.

    Where the clocks go back over the end of the span, it is the later of the two: nobody is woken by arithmetic.

    Raises:
        ValueError: `moment` is naive, or the span has no end.
    """
    if moment.tzinfo is None:
        raise ValueError("the moment must be aware: give it a time zone")
    if not quiet.covers(moment, zone):
        return moment.astimezone(UTC)
    today = moment.astimezone(zone).date()
    for ahead in range(_DAYS_AHEAD):
        end = instant(today + timedelta(days=ahead), quiet.end, zone)
        if end > moment and not quiet.covers(end, zone):
            return end
    raise ValueError("quiet hours without an end")
