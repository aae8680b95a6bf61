"""Local days and times as instants, exactly as Postgres reads `timestamp AT TIME ZONE`: planning happens there."""

from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

#: Names that mean different things: the first depend on the machine, the others are fixed offsets to Postgres
#: (abbreviations win there) and places with summer time to the zone database.
_AMBIGUOUS = frozenset({"localtime", "Factory", "posixrules"}) | {"CET", "EET", "MET", "WET"}


@lru_cache(maxsize=1024)
def find_zone(name: str | None) -> ZoneInfo | None:
    """The IANA zone of that name; None where there is none, so that nothing is guessed."""
    return ZoneInfo(name) if name and name in _names() else None


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When that local day and time is, in UTC.

    A local time that the clocks skip is moved forward by what they skip; one that they show twice is its second
    showing. Both follow PostgreSQL (`DetermineTimeZoneOffset`): of the two readings, the later instant.
    """
    local = datetime.combine(day, at, zone)
    return max(local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC))


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - _AMBIGUOUS
