"""What closes doors for a time or for good: a talk that was had, a promise, a refusal, a demand, a misfortune."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import COUNTS_AS, Stop, Touch
from duecourse.policy.packs.clauses import CapScope, CapUnit, StopEffect
from duecourse.policy.packs.params import Cooldown, StopTrigger
from duecourse.policy.packs.regime import Bound
from duecourse.policy.packs.vocabulary import Medium, Purpose, StopEvent
from duecourse.policy.windows import local_midnights

#: Nothing ends later.
NEVER = datetime.max.replace(tzinfo=UTC)
_OPTED_OUT = frozenset({StopEvent.MEDIUM_OPT_OUT, StopEvent.CEASE_WRITTEN})


def cooled_at(bound: Bound[Cooldown], facts: ContactFacts, zones: tuple[ZoneInfo, ...]) -> datetime | None:
    """When the last cool-down of this rule ends; None where there was no such event. Whole local days."""
    ends = (_end(bound.params, when, zones) for when in _events(bound, facts))
    return max(ends, default=None)


def stopped_until(bound: Bound[StopTrigger], facts: ContactFacts, medium: Medium, now: datetime) -> datetime | None:
    """When the last stop of this rule that is still on ends, `NEVER` if nobody knows; None where none is on."""
    trigger = bound.params
    if facts.purpose in trigger.allowed_after:
        return None
    ends = (
        _over_at(stop, trigger)
        for stop in facts.stops
        if stop.event is trigger.event and _closes(stop, trigger, facts, medium)
    )
    return max((end for end in ends if end > now), default=None)


def opted_out_at(facts: ContactFacts) -> datetime | None:
    """When the borrower last opted out of anything, or of everything; None where that is not known."""
    return max((stop.when for stop in facts.stops if stop.event in _OPTED_OUT), default=None)


def confirmations(facts: ContactFacts, since: datetime | None) -> int:
    """How often an opt-out was confirmed since."""
    return sum(
        touch.purpose is Purpose.CONFIRM_STOP and (since is None or touch.when >= since) for touch in facts.history
    )


def _events(bound: Bound[Cooldown], facts: ContactFacts) -> Iterator[datetime]:
    after, scope = bound.params.after, bound.params.scope
    for stop in facts.stops:
        if stop.event is after and _about(scope, stop.debts, facts):
            yield stop.when
    if after is StopEvent.CONVERSATION:
        yield from (touch.when for touch in facts.history if _was_talk(touch, bound, facts))


def _was_talk(touch: Touch, bound: Bound[Cooldown], facts: ContactFacts) -> bool:
    """Whoever began it. One that may have been a talk counts as one."""
    channels = bound.rule.channels
    return (
        CapUnit.CONVERSATION in COUNTS_AS[touch.outcome]
        and (not channels or touch.medium in channels)
        and _about(bound.params.scope, touch.debts, facts)
    )


def _about(scope: CapScope, debts: Iterable[int], facts: ContactFacts) -> bool:
    """A cool-down of one number would be a cool-down of the debtor's."""
    return scope in {CapScope.DEBTOR, CapScope.NUMBER} or _share(debts, facts.debts)


def _share(some: Iterable[int], others: Iterable[int]) -> bool:
    """Unknown debts may be any."""
    one, other = frozenset(some), frozenset(others)
    return not one or not other or not one.isdisjoint(other)


def _end(params: Cooldown, when: datetime, zones: tuple[ZoneInfo, ...]) -> datetime:
    """Day 1 is the event's own, or the day after it."""
    days = params.days if params.count_event_day_as_1 else params.days + 1
    return max(max(local_midnights(when.astimezone(zone).date() + timedelta(days=days), zone)) for zone in zones)


def _over_at(stop: Stop, trigger: StopTrigger) -> datetime:
    end = stop.until or NEVER
    return end if trigger.days is None else min(end, stop.when + timedelta(days=trigger.days))


def _closes(stop: Stop, trigger: StopTrigger, facts: ContactFacts, medium: Medium) -> bool:
    match trigger.effect:
        case StopEffect.STOP_ALL:
            return True
        case StopEffect.STOP_CHANNEL:
            return _names(stop.channels, medium)
        case StopEffect.STOP_TOPIC:
            return _names(stop.channels, medium) and _names(stop.purposes, facts.purpose)
        case StopEffect.STOP_DEBT:
            return _share(stop.debts, facts.debts)
        case StopEffect.ROUTE_TO:
            return facts.recipient is not trigger.route_to


def _names(listed: frozenset[Any], one: object) -> bool:
    return not listed or one in listed
