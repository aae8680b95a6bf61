"""What borrowers would do if nobody ever wrote to them: the same under every policy, so policies compare."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from duecourse.domain.vocabulary import Audience
from duecourse.domain.zones import find_zone, instant
from duecourse.ledger.forward import Owed
from duecourse.risk.audience import classify
from duecourse.simulator.forward.effects import Effects, Factor
from duecourse.simulator.sandbox.chance import Chance

#: The local hours in which people act.
AWAKE = (8.0, 22.0)
_AUTOPAY_AT = time(6, 20)
_EARLIEST_DAYS = 5
_LATE = {
    Audience.LOW: Factor.LATE_LOW,
    Audience.STANDARD: Factor.LATE_STANDARD,
    Audience.HIGH: Factor.LATE_HIGH,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """Of one instalment, if nobody wrote."""

    late: bool
    pays_at: datetime


def audience_of(owed: Owed) -> Audience:
    """As the planning statement sees a loan's instalment, when the simulation begins."""
    met = owed.number - 1
    return classify(first=owed.number == 1, missed=owed.missed, met=met, autopay=owed.autopay)


def zone_of(owed: Owed) -> ZoneInfo:
    """UTC where nobody knows: such a borrower is never written to."""
    return find_zone(owed.time_zone) or ZoneInfo("UTC")


def intent_of(owed: Owed, chance: Chance, effects: Effects, start: datetime) -> Intent:
    """When this one would be paid by itself. `start` is when the simulation begins."""
    about = (owed.loan, owed.due_on.isoformat())
    zone = zone_of(owed)
    if owed.due_on < start.astimezone(zone).date():
        return Intent(late=True, pays_at=_some_time(owed, chance, start.date() + _late_days(chance, effects, *about)))
    if owed.autopay:
        late = chance.happens(effects[Factor.AUTOPAY_FAILS].amount, "autopay", *about)
        at = instant(owed.due_on, _AUTOPAY_AT, zone)
    else:
        late = chance.happens(effects[_LATE[audience_of(owed)]].amount, "late", *about)
        at = _in_time(owed, chance, effects, start)
    if late:
        return Intent(late=True, pays_at=_some_time(owed, chance, owed.due_on + _late_days(chance, effects, *about)))
    return Intent(late=False, pays_at=at)


def _in_time(owed: Owed, chance: Chance, effects: Effects, start: datetime) -> datetime:
    about = (owed.loan, owed.due_on.isoformat())
    if chance.happens(effects[Factor.EARLY_OF_PUNCTUAL].amount, "early", *about):
        days = 1 + int(chance.draw("days early", *about) * _EARLIEST_DAYS)
        early = _some_time(owed, chance, owed.due_on - timedelta(days=days))
        # Whoever would have paid before the story begins pays on the day.
        if early >= start:
            return early
    return _some_time(owed, chance, owed.due_on)


def _late_days(chance: Chance, effects: Effects, *about: str) -> timedelta:
    """Memoryless: half of those still open have paid after so many days more."""
    half = effects[Factor.SELF_CURE_DAYS].amount
    return timedelta(days=1 + int(-half * math.log2(1 - chance.draw("days late", *about))))


def _some_time(owed: Owed, chance: Chance, day: date) -> datetime:
    minute = int(chance.between(AWAKE[0] * 60, AWAKE[1] * 60, "minute", owed.loan, owed.due_on.isoformat()))
    return instant(day, time(minute // 60, minute % 60), zone_of(owed)).astimezone(UTC)
