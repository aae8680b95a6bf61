"""When a rung fires: civil days counted in the borrower's zone, from the due date."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from duecourse.cadence.rung import Rung
from duecourse.domain.zones import instant

#: The inhabited range of UTC offsets: Baker Island to the Line Islands.
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
_TICK = timedelta(microseconds=1)


def fires_at(rung: Rung, due_on: date, zone: ZoneInfo) -> datetime:
    """The instant at which the rung fires for that due date, in UTC. The planning statement computes the same."""
    return instant(due_on + timedelta(days=rung.offset_days), rung.at, zone)


def ends_at(rung: Rung, due_on: date, zone: ZoneInfo) -> datetime:
    """The instant from which the rung is too late to be true, in UTC."""
    days, at = rung.ends
    return instant(due_on + timedelta(days=days), at, zone)


def live(rung: Rung, due_on: date, zone: ZoneInfo, now: datetime) -> bool:
    """True while the rung may fire. What was missed before is never caught up."""
    return rung.is_for(due_on) and fires_at(rung, due_on, zone) <= now < ends_at(rung, due_on, zone)


def due_days(rungs: Sequence[Rung], start: datetime, end: datetime) -> tuple[date, date]:
    """The first and last due date any of whose rungs may be live within [start, end) somewhere on earth.

    Raises:
        ValueError: `start` or `end` is naive.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("the window must be aware: give it a time zone")
    first_day = min(rung.offset_days for rung in rungs)
    last_day = max(rung.ends[0] for rung in rungs)
    first = _utc_day(start + _WEST) - timedelta(days=last_day)
    last = _utc_day(end - _TICK + _EAST) - timedelta(days=first_day)
    return first, last


def _utc_day(moment: datetime) -> date:
    offset = moment.utcoffset() or timedelta()
    return (moment - offset).date()
