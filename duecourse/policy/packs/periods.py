"""Hours of a day and lengths of calendar time, as packs write them."""

from dataclasses import dataclass
from enum import StrEnum

from duecourse.policy.packs.vocabulary import Day

#: Minutes in a local day: a span may end there ("24:00").
MIDNIGHT = 1440


def clock(minutes: int) -> str:
    """Minutes after midnight as `08:05`; the end of a day is `24:00`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


class DayClock(StrEnum):
    HOURS = "hours"
    CALENDAR_DAYS = "calendar_days"
    BUSINESS_DAYS = "business_days"
    WEEKS = "weeks"
    MONTHS = "months"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """Local hours on some kinds of day, half-open. In a file: `{days = [...], from = "08:00", to = "22:00"}`.

    A span does not cross midnight: write two.
    """

    days: frozenset[Day]
    start: int
    """Minutes after local midnight. In a file: `from`."""
    end: int
    """Excluded, at most 1440 ("24:00"). In a file: `to`."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= MIDNIGHT:
            raise ValueError("from must be before to, within one day")


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A length of calendar time. In a file an ISO 8601 duration of years, months and days: `P2Y`, `P60D`."""

    months: int = 0
    days: int = 0

    @property
    def about_days(self) -> float:
        """For comparing one with another."""
        return self.months * 30.4375 + self.days


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """`{n = 10, clock = "business_days"}`."""

    n: int
    clock: DayClock

    @property
    def about_hours(self) -> float:
        """For comparing one with another; a business day is the least that it can be, a day."""
        return self.n * _HOURS[self.clock]


_HOURS = {
    DayClock.HOURS: 1.0,
    DayClock.CALENDAR_DAYS: 24.0,
    DayClock.BUSINESS_DAYS: 24.0,
    DayClock.WEEKS: 168.0,
    DayClock.MONTHS: 730.5,
}
