"""What reaches the lender's people: calls by the hour of the day, and how many must be there for them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.simulator.forward.acts import Talk
from duecourse.simulator.forward.erlang import agents_needed, service_level

LEVEL, WITHIN_S = 0.8, 20.0
"""The custom that staffing is worked out for: this part of the calls answered within so many seconds."""
_HOUR_S = 3600.0

Days = dict[str, list[Talk]]
"""The talks of one hour of the day, by day."""


def staffing(talks: Sequence[Talk], zone: ZoneInfo, *, days: int, call_s: float) -> list[dict[str, Any]]:
    """Per hour of the desk's day in which anybody ever rang or was rung.

    Whoever rings waits for somebody who is free: Erlang's C. Whom people dial waits for nobody: their minutes count.

    Args:
        talks: every call.
        zone: the desk's.
        days: over how many they are spread.
        call_s: seconds that a talk takes.
    """
    hours: dict[int, Days] = defaultdict(lambda: defaultdict(list))
    for talk in talks:
        local = talk.at.astimezone(zone)
        hours[local.hour][local.date().isoformat()].append(talk)
    return [_hour(hour, hours[hour], days, call_s) for hour in sorted(hours)]


def desk_zone(zones: Iterable[str | None]) -> str:
    """Where most borrowers live; the first by name of several."""
    counted: dict[str, int] = defaultdict(int)
    for zone in filter(None, zones):
        counted[zone] += 1
    return min(counted, key=lambda zone: (-counted[zone], zone), default="UTC")


def _hour(hour: int, each: Days, days: int, call_s: float) -> dict[str, Any]:
    rang = [sum(talk.rang for talk in talks) for talks in each.values()]
    dialled = [[talk for talk in talks if not talk.rang] for talks in each.values()]
    busiest, usual = max(rang), sum(rang) / days
    answering = agents_needed(busiest, call_s=call_s, level=LEVEL, within_s=WITHIN_S)
    minutes = [sum(talk.seconds for talk in talks) for talks in dialled]
    return {
        "hour": hour,
        "calls": sum(rang),
        "calls_a_day": round(usual, 2),
        "busiest_day": busiest,
        "answered_in_time": round(
            service_level(busiest * call_s / _HOUR_S, answering, within_s=WITHIN_S, call_s=call_s), 3
        )
        if busiest
        else None,
        "dialled": sum(map(len, dialled)),
        "dialled_a_day": round(sum(map(len, dialled)) / days, 2),
        "people_usually": agents_needed(usual, call_s=call_s, level=LEVEL, within_s=WITHIN_S)
        + math.ceil(sum(minutes) / days / _HOUR_S),
        "people_answering": answering,
        "people_dialling": math.ceil(max(minutes) / _HOUR_S),
        "people_busiest": answering + math.ceil(max(minutes) / _HOUR_S),
    }
