"""Reads what a case says happened before: touches, stops, and what is on record to lift a rule."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.domain.table import Table
from duecourse.domain.territories import is_country
from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.history import Evidence, Stop, Touch
from duecourse.policy.packs.model import Place
from duecourse.policy.packs.periods import MIDNIGHT, Hours
from duecourse.policy.packs.vocabulary import (
    AgentKind,
    Day,
    Direction,
    Medium,
    Override,
    Purpose,
    StopEvent,
    TouchOutcome,
)

_MOST_TIMES = 1_000
_DAY_MINUTES = 1_440


@dataclass(kw_only=True, slots=True)
class Page:
    """What a case's words mean all over it: its clock, and the names it gives to debts."""

    zone: ZoneInfo
    names: dict[str, int] = field(default_factory=dict)

    def debts(self, table: Table) -> tuple[int, ...]:
        """Numbers for the debts that are named: the same name is the same debt."""
        return tuple(self.names.setdefault(name, len(self.names) + 1) for name in table.texts("debts", ()))


def history_of(table: Table, page: Page) -> dict[str, Any]:
    """The facts `history`, `stops` and `evidence`."""
    return {
        "history": tuple(touch for one in table.tables("history", some=False) for touch in _touches(one, page)),
        "stops": tuple(_stop(one, page) for one in table.tables("stops", some=False)),
        "evidence": tuple(_evidence(one, page) for one in table.tables("evidence", some=False)),
    }


def _touches(table: Table, page: Page) -> list[Touch]:
    """One line is one touch, or as many as `times` says, `every_minutes` apart."""
    first = table.moment("at", page.zone)
    times = table.whole("times", 1, low=1, high=_MOST_TIMES)
    step = timedelta(minutes=table.whole("every_minutes", 1, low=1, high=31 * _DAY_MINUTES))
    told: dict[str, Any] = {
        "medium": table.choice("channel", Medium),
        "outcome": table.choice("outcome", TouchOutcome, TouchOutcome.UNKNOWN),
        "direction": table.choice("direction", Direction, Direction.OUTBOUND),
        "agent": table.choice("by", AgentKind, AgentKind.MACHINE),
        "number": table.text("number") if table.has("number") else None,
        "debts": page.debts(table),
        "purpose": table.choice("purpose", Purpose) if table.has("purpose") else None,
        "requested": table.flag("requested", default=False),
        "consented": table.flag("consented", default=False),
    }
    table.finish()
    return [Touch(when=first + place * step, **told) for place in range(times)]


def _stop(table: Table, page: Page) -> Stop:
    stop = Stop(
        event=table.choice("event", StopEvent),
        when=table.moment("at", page.zone),
        until=table.moment("until", page.zone) if table.has("until") else None,
        channels=frozenset(table.choices("channels", Medium, ())),
        purposes=frozenset(table.choices("purposes", Purpose, ())),
        debts=page.debts(table),
        evidence=table.text("evidence") if table.has("evidence") else None,
    )
    table.finish()
    return stop


def _evidence(table: Table, page: Page) -> Evidence:
    evidence = Evidence(
        id=table.text("id"),
        kind=table.choice("kind", Override),
        given_at=table.moment("given", page.zone),
        expires_at=table.moment("expires", page.zone) if table.has("expires") else None,
        rules=frozenset(table.texts("rules", ())),
        channels=frozenset(table.choices("channels", Medium, ())),
        purposes=frozenset(table.choices("purposes", Purpose, ())),
        hours=hours_of(table, "hours"),
    )
    table.finish()
    return evidence


def hours_of(table: Table, key: str) -> tuple[Hours, ...]:
    """`[{days = ["mon"], from = "20:00", to = "23:00"}]`; without days it is every kind of day."""
    return tuple(_hours(one) for one in table.tables(key, some=False))


def _hours(table: Table) -> Hours:
    days = frozenset(table.choices("days", Day, tuple(Day)))
    start, end = table.clock("from"), table.text("to")
    minutes = MIDNIGHT if end == "24:00" else _minutes(table)
    table.finish()
    begins = start.hour * 60 + start.minute
    if begins >= minutes:
        raise table.error("to", "must be after from: a span does not cross midnight, write two")
    return Hours(days=days, start=begins, end=minutes)


def _minutes(table: Table) -> int:
    end = table.clock("to")
    return end.hour * 60 + end.minute


def channel_of(table: Table, key: str) -> ChannelKind | Medium:
    """A worker's channel, or the law's word for what a person does."""
    word = table.text(key)
    kinds: dict[str, ChannelKind | Medium] = {**{m.value: m for m in Medium}, **{c.value: c for c in ChannelKind}}
    if word not in kinds:
        raise table.error(key, f"unknown: {word!r}; must be one of {', '.join(kinds)}")
    return kinds[word]


def place_of(table: Table, key: str) -> Place | None:
    """`CN`, or with a part of it `BR-SP`."""
    if not table.has(key):
        return None
    country, _, part = table.text(key).partition("-")
    if not is_country(country):
        raise table.error(key, f"{country!r} is no country: ISO 3166-1 alpha-2 in capitals, like CN or BR-SP")
    return Place(country, part or None)
