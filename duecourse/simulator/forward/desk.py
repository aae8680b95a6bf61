"""What reaches the lender's people: calls by the hour of the day, and how many must be there to answer them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.simulator.forward.erlang import agents_needed, service_level

LEVEL, WITHIN_S = 0.8, 20.0
"""The custom that staffing is worked out for: this part of the calls answered within so many seconds."""


def staffing(calls: Sequence[datetime], zone: ZoneInfo, *, days: int, call_s: float) -> list[dict[str, Any]]:
    """Per hour of the desk's day that ever had a call: calls a day, the busiest day's, and the people for each.

    Args:
        calls: when somebody rang.
        zone: the desk's.
        days: over how many the calls are spread.
        call_s: seconds that one takes.
    """
    each: Counter[tuple[str, int]] = Counter()
    for at in calls:
        local = at.astimezone(zone)
        each[local.date().isoformat(), local.hour] += 1
    hours = sorted({hour for _, hour in each})
    return [_hour(hour, [count for (_, h), count in each.items() if h == hour], days, call_s) for hour in hours]


def desk_zone(zones: Iterable[str | None]) -> str:
    """Where most borrowers live; the first by name of several."""
    counted = Counter(zone for zone in zones if zone)
    return min(counted, key=lambda zone: (-counted[zone], zone), default="UTC")


def _hour(hour: int, counts: Sequence[int], days: int, call_s: float) -> dict[str, Any]:
    usual, busiest = sum(counts) / days, max(counts)
    agents = agents_needed(busiest, call_s=call_s, level=LEVEL, within_s=WITHIN_S)
    return {
        "hour": hour,
        "calls": sum(counts),
        "calls_a_day": round(usual, 2),
        "busiest_day": busiest,
        "people_usually": agents_needed(usual, call_s=call_s, level=LEVEL, within_s=WITHIN_S),
        "people_busiest": agents,
        "answered_in_time": round(service_level(busiest * call_s / 3600, agents, within_s=WITHIN_S, call_s=call_s), 3),
    }
