"""Local hours as stretches of real time. Where clocks change, an hour that is only perhaps allowed is not."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from duecourse.policy.calendars import Calendar, kinds_of
from duecourse.policy.packs.periods import MIDNIGHT, Hours
from duecourse.policy.packs.vocabulary import Day

Minutes = tuple[tuple[int, int], ...]
"""Half-open stretches of one local day in minutes after midnight, in order."""

#: The longest run of closed days seen: eight days of a Chinese holiday, with a weekend on each side. Rounded up.
_DAYS_AHEAD = 40


class Window(NamedTuple):
    """When something is allowed at one place."""

    hours: tuple[Hours, ...]
    calendar: Calendar
    zone: ZoneInfo

    def is_open(self, moment: datetime) -> bool:
        return any(start <= moment < end for start, end in _around(self, moment))

    def next_open(self, moment: datetime) -> datetime | None:
        """The first open instant from `moment` on, in UTC; None where there is none within weeks."""
        today = moment.astimezone(self.zone).date()
        # The day before: a zone that crosses the date line may show a day's hours late.
        for ahead in range(-1, _DAYS_AHEAD):
            for start, end in stretches(self, today + timedelta(days=ahead)):
                if moment < end:
                    return max(start, moment.astimezone(UTC))
        return None


def first_open(windows: Iterable[Window], moment: datetime, give_up: datetime) -> datetime | None:
    """The first instant from `moment` on at which all are open; None where it is not before `give_up`."""
    every = tuple(windows)
    found: datetime | None = moment.astimezone(UTC)
    while found is not None and found < give_up:
        later = _all_reach(every, found)
        if later == found:
            return found
        found = later
    return None


def _all_reach(windows: tuple[Window, ...], moment: datetime) -> datetime | None:
    for window in windows:
        reached = window.next_open(moment)
        if reached is None:
            return None
        moment = reached
    return moment


def _around(window: Window, moment: datetime) -> list[tuple[datetime, datetime]]:
    today = moment.astimezone(window.zone).date()
    return [stretch for ahead in (-1, 0, 1) for stretch in stretches(window, today + timedelta(days=ahead))]


@lru_cache(maxsize=8192)
def stretches(window: Window, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The open stretches of that local day, in UTC.

    One begins at the later reading of a time that clocks show twice or skip, and ends at the earlier: so none lies
    outside the hours by anybody's clock, and a day that a place never had (Samoa, 30 December 2011) has none.
    """
    found = (
        (max(_readings(day, start, window.zone)), min(_readings(day, end, window.zone)))
        for start, end in minutes(window.hours, kinds_of(window.calendar, day))
    )
    return tuple((start, end) for start, end in found if start < end)


def local_midnights(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Both readings of the beginning of a local day, in UTC."""
    return _readings(day, 0, zone)


def _readings(day: date, minute: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    if minute == MIDNIGHT:
        day, minute = day + timedelta(days=1), 0
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    return local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)


@lru_cache(maxsize=1024)
def minutes(hours: tuple[Hours, ...], kinds: frozenset[Day]) -> Minutes:
    """The hours that are right for a day that may be any of `kinds`."""
    each = [_joined(sorted((one.start, one.end) for one in hours if kind in one.days)) for kind in kinds]
    common = each[0]
    for other in each[1:]:
        common = _common(common, other)
    return tuple(common)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _common(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> list[tuple[int, int]]:
    both = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return sorted((start, end) for start, end in both if start < end)
