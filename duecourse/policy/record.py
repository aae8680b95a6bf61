"""Facts as a verdict keeps them, and back: what was known is stored so that it can be judged again years later."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import orjson

from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule
from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import Allowance, Evidence, Stop, Touch
from duecourse.policy.packs.model import Place
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import (
    ActorRole,
    AgentKind,
    Day,
    DebtorState,
    DebtorType,
    Direction,
    LenderType,
    Medium,
    NoticeBefore,
    Override,
    Party,
    Purpose,
    StopEvent,
    TouchOutcome,
)

Record = dict[str, Any]
"""JSON-ready. Ids, codes, counts and times only."""

#: Kept by the event itself.
_ELSEWHERE = ("contact_id", "borrower_id")
_ALWAYS = tuple(f.name for f in fields(ContactFacts) if f.default is MISSING and f.name not in _ELSEWHERE)
_SELDOM = tuple(f.name for f in fields(ContactFacts) if f.default is not MISSING)
_DEFAULTS = tuple(f.default for f in fields(ContactFacts) if f.default is not MISSING)
_seldom = attrgetter(*_SELDOM)
_NO_MOMENT: Record = {}


def record_of(facts: ContactFacts, moment: Record = _NO_MOMENT) -> Record:
    """What is kept of the moment, and the facts by name; those that have a default only where they differ from it."""
    record = {
        **moment,
        # Said as plain values, so that no odd fact can keep a verdict from being written down.
        "channel": facts.channel.value,
        "not_after": _iso(facts.not_after),
        "time_zone": None if facts.time_zone is None else str(facts.time_zone),
        "consent": None if facts.consent is None else facts.consent.value,
        "address_valid": bool(facts.address_valid),
        "open_items": int(facts.open_items),
        "autopay": bool(facts.autopay),
        "holds": list(facts.holds),
        "opted_out": bool(facts.opted_out),
        "touches_today": int(facts.touches_today),
        "reached_today": bool(facts.reached_today),
        "stop": _sorted(facts.stop),
    }
    for name, value, default in zip(_SELDOM, _seldom(facts), _DEFAULTS, strict=True):
        if value is not default and value != default:
            record[name] = _plain(value)
    return record


@lru_cache
def _sorted(stop: frozenset[StopRule]) -> list[StopRule]:
    """A few sets are those of all rungs."""
    return sorted(stop)


def facts_from_record(record: Mapping[str, Any], *, contact_id: int, borrower_id: int) -> ContactFacts:
    """What `record_of` was given. Keys that are no facts, such as the verdict's own times, are passed over.

    Raises:
        KeyError, TypeError, ValueError: it is no record of facts.
    """
    read: Record = {name: _READ.get(name, _same)(record[name]) for name in _ALWAYS}
    read |= {name: _READ.get(name, _same)(record[name]) for name in _SELDOM if name in record}
    return ContactFacts(contact_id=contact_id, borrower_id=borrower_id, **read)


def _plain(value: Any) -> Any:
    write = _WRITE.get(type(value))
    return write(value) if write else value


def _alike(values: tuple[Any, ...]) -> list[Any]:
    """All of one kind, as every tuple among the facts is."""
    write = _WRITE.get(type(values[0])) if values else None
    return [write(value) for value in values] if write else list(values)


def _iso(moment: datetime) -> str:
    """As `isoformat` says it. For what Postgres told, orjson says the same in a third of the time: there is much."""
    return orjson.dumps(moment)[1:-1].decode() if moment.tzinfo is UTC else moment.isoformat()


def _touch(touch: Touch) -> list[Any]:
    """As `_row` does, in a third of its time: there are many."""
    return [
        _iso(touch.when),
        touch.medium,
        touch.outcome,
        touch.direction,
        touch.agent,
        touch.number,
        list(touch.debts),
        touch.purpose,
        touch.requested,
        touch.consented,
    ]


def _row(one: Any) -> list[Any]:
    return [_plain(getattr(one, name)) for name in _NAMES[type(one)]]


_NAMES: dict[type, tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(kind)) for kind in (Touch, Stop, Evidence, Allowance, Hours)
}
_WRITE: dict[type, Callable[[Any], Any]] = {
    datetime: _iso,
    frozenset: sorted,
    tuple: _alike,
    Place: list,
    Touch: _touch,
    Stop: _row,
    Evidence: _row,
    Allowance: _row,
    Hours: _row,
}


def _same(value: Any) -> Any:
    return value


def _maybe(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _each(read: Callable[[Any], Any]) -> Callable[[Iterable[Any]], Any]:
    return lambda values: tuple(map(read, values))


def _set(read: Callable[[Any], Any]) -> Callable[[Iterable[Any]], Any]:
    return lambda values: frozenset(map(read, values))


def _channel(word: str) -> ChannelKind | Medium:
    return ChannelKind(word) if word in set(ChannelKind) else Medium(word)


def _rows(kind: type, /, **reads: Callable[[Any], Any]) -> Callable[[Iterable[Any]], Any]:
    def read(row: Sequence[Any]) -> Any:
        named = zip(_NAMES[kind], row, strict=True)
        return kind(**{name: reads.get(name, _same)(value) for name, value in named})

    return _each(read)


_time = _maybe(datetime.fromisoformat)
_hours = _rows(Hours, days=_set(Day))
_READ: dict[str, Callable[[Any], Any]] = {
    "channel": _channel,
    "not_after": datetime.fromisoformat,
    "consent": _maybe(Consent),
    "holds": tuple,
    "stop": _set(StopRule),
    "purpose": Purpose,
    "actor_role": ActorRole,
    "lender_type": LenderType,
    "debts": tuple,
    "recipient": Party,
    "debtor_type": DebtorType,
    "debtor_state": _set(DebtorState),
    "residence": lambda place: Place(*place),
    "present": lambda place: Place(*place),
    "candidate_zones": tuple,
    "address_verified_at": datetime.fromisoformat,
    "notices": _set(NoticeBefore),
    "visit_announced_at": datetime.fromisoformat,
    "preferred_hours": _hours,
    "preferred_channels": _set(Medium),
    "history": _rows(
        Touch,
        when=_time,
        medium=Medium,
        outcome=TouchOutcome,
        direction=Direction,
        agent=AgentKind,
        debts=tuple,
        purpose=_maybe(Purpose),
    ),
    "stops": _rows(
        Stop, event=StopEvent, when=_time, until=_time, channels=_set(Medium), purposes=_set(Purpose), debts=tuple
    ),
    "evidence": _rows(
        Evidence,
        kind=Override,
        given_at=_time,
        expires_at=_time,
        rules=frozenset,
        channels=_set(Medium),
        purposes=_set(Purpose),
        hours=_hours,
    ),
    "allowances": _rows(Allowance, rules=frozenset),
}
