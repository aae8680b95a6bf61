"""Which kind of day it is somewhere: weekday, public holiday, make-up workday. What is not known is said to be so."""

from datetime import date
from functools import lru_cache
from typing import NamedTuple

import chinese_calendar
import holidays

from duecourse.policy.packs.vocabulary import Day

_WEEK = tuple(Day)[:7]
_FIRST_WEEKEND_DAY = 5


class Calendar(NamedTuple):
    """Public holidays of a country or a part of it. `country` None is a calendar that nobody knows."""

    country: str | None
    subdivision: str | None = None
    makeup_workdays: bool = False


UNKNOWN = Calendar(None)
#: For hours that somebody asked for by weekday: a holiday is a weekday like others.
WEEKDAYS_ONLY = Calendar("")


@lru_cache(maxsize=4096)
def kinds_of(calendar: Calendar, day: date) -> frozenset[Day]:
    """What that day may be. More than one where nobody knows: hours then count only if right for each of them."""
    weekday = _WEEK[day.weekday()]
    if calendar.country == "":
        return frozenset({weekday})
    if calendar.country == "CN":
        return _in_china(day, weekday, makeup=calendar.makeup_workdays)
    free = _is_holiday(calendar, day)
    if free is None:
        return frozenset({weekday, Day.HOLIDAY})
    return frozenset({Day.HOLIDAY if free else weekday})


def _in_china(day: date, weekday: Day, *, makeup: bool) -> frozenset[Day]:
    """The State Council decides every autumn which days are shifted: beyond that any day may be free."""
    try:
        free, holiday = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return frozenset({weekday, Day.HOLIDAY})
    if free and holiday:
        return frozenset({Day.HOLIDAY})
    worked = makeup and not free and day.weekday() >= _FIRST_WEEKEND_DAY
    return frozenset({Day.MON if worked else weekday})


def _is_holiday(calendar: Calendar, day: date) -> bool | None:
    """None where the country's holidays are not known."""
    if calendar.country is None:
        return None
    days = _days(calendar.country, calendar.subdivision, day.year)
    if days is None and calendar.subdivision:
        days = _days(calendar.country, None, day.year)
    return None if days is None else day in days


@lru_cache(maxsize=512)
def _days(country: str, subdivision: str | None, year: int) -> frozenset[date] | None:
    try:
        found = holidays.country_holidays(country, subdiv=subdivision, years=year)
    except NotImplementedError:
        return None
    return frozenset(found)
