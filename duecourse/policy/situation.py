"""A contact's facts at one instant, with all that the instant means for contacts of its kind: worked out once."""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from duecourse.domain.zones import find_zone
from duecourse.policy import windows as w
from duecourse.policy.caps import Count, count_of, counted_since
from duecourse.policy.facts import ContactFacts
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.params import ContactWindow
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.regime import Bound, Regime
from duecourse.policy.packs.vocabulary import Medium


class Moment(NamedTuple):
    """What an instant is to contacts of one kind whose borrowers may be in the same zones."""

    regime: Regime
    zones: tuple[ZoneInfo, ...]
    """The candidates; none where any of them is unknown."""
    closed: tuple[Bound[ContactWindow], ...]
    """The windows that are shut in some candidate zone."""
    caps: tuple[tuple[Count, datetime], ...]
    """Each with the instant from which it counts."""
    record: dict[str, Any]
    """What a verdict keeps of it."""


class Situation(NamedTuple):
    """A contact's facts at one instant."""

    facts: ContactFacts
    now: datetime
    moment: Moment

    @property
    def medium(self) -> Medium:
        return self.moment.regime.kind.medium


def situation(facts: ContactFacts, now: datetime, packs: PackSet) -> Situation:
    """Cheap where another contact of the same kind and zones came before at the same instant."""
    regime = packs.applying(facts, now)
    return Situation(facts, now, _moment(regime, now, facts.time_zone, facts.candidate_zones))


def windows_of(bound: Bound[Any], zones: tuple[ZoneInfo, ...], hours: tuple[Hours, ...]) -> list[w.Window]:
    """`hours` by the rule's calendar in each zone that counts for it."""
    return [w.Window(hours, bound.calendar, zone) for zone in _zones_for(bound, zones)]


def _zones_for(bound: Bound[Any], zones: tuple[ZoneInfo, ...]) -> tuple[ZoneInfo, ...]:
    return zones if bound.anchor is None or bound.anchor in zones else (*zones, bound.anchor)


@lru_cache(maxsize=4096)
def _moment(regime: Regime, now: datetime, time_zone: str | None, candidates: tuple[str, ...]) -> Moment:
    zones = _candidates(time_zone, candidates)
    closed = [
        bound
        for bound in regime.windows
        if not all(window.is_open(now) for window in windows_of(bound, zones, bound.params.allow))
    ]
    counts = [(count_of(bound, regime.kind.medium), bound) for bound in regime.caps if zones]
    caps = [(count, counted_since(count.bound.params.window, now, _zones_for(bound, zones))) for count, bound in counts]
    record = _record(now, zones)
    if regime.opt_in:
        record["opt_in"] = list(regime.opt_in)
    return Moment(regime, zones, tuple(closed), tuple(caps), record)


def _candidates(time_zone: str | None, others: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    names = others if time_zone is None else (time_zone, *others)
    found = [find_zone(name) for name in dict.fromkeys(names)]
    known = tuple(zone for zone in found if zone is not None)
    return known if len(known) == len(found) else ()


def _record(now: datetime, zones: tuple[ZoneInfo, ...]) -> dict[str, Any]:
    """The zones' names are facts, and kept with them."""
    local = now.astimezone(zones[0]).isoformat() if zones else None
    record: dict[str, Any] = {"now": now.isoformat(), "local": local}
    if len(zones) > 1:
        record["local_times"] = {zone.key: now.astimezone(zone).isoformat() for zone in zones}
    return record
