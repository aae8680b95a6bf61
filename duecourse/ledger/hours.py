"""Hours of the day as rows keep them: what was agreed to, and what was wished for."""

from collections.abc import Iterable, Mapping
from typing import Any

from duecourse.policy.packs.periods import Hours, clock
from duecourse.policy.packs.vocabulary import Day


def stored_hours(hours: Hours) -> dict[str, object]:
    return {"days": [day for day in Day if day in hours.days], "start": hours.start, "end": hours.end}


def read_hours(stored: Iterable[Mapping[str, Any]]) -> tuple[Hours, ...]:
    """As they are stored, back as values."""
    return tuple(Hours(days=frozenset(map(Day, h["days"])), start=h["start"], end=h["end"]) for h in stored)


def shown_hours(stored: Mapping[str, Any]) -> str:
    """`mon,tue 20:00-23:00`."""
    return f"{','.join(stored['days'])} {clock(stored['start'])}-{clock(stored['end'])}"
