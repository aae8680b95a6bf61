"""Facts as they were, from what a verdict kept of them: the way back from `policy.record`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any

from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule
from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import Evidence, Stop, Touch
from duecourse.policy.packs import vocabulary as v
from duecourse.policy.packs.model import Place
from duecourse.policy.packs.params import Hours

Read = Callable[[Any], Any]


def facts_from_record(record: Mapping[str, Any], *, contact_id: int, borrower_id: int) -> ContactFacts:
    """The facts of a verdict. Keys that are no facts, such as its own times, are passed over.

    Args:
        record: `Verdict.facts`, as it was or as JSON gave it back.
        contact_id: of the event that keeps the verdict.
        borrower_id: likewise.

    Raises:
        KeyError, TypeError, ValueError: something that is always kept is missing, or is no such thing.
    """
    known = {name: _FACTS.get(name, _same)(record[name]) for name in _ALWAYS}
    known |= {name: _FACTS.get(name, _same)(record[name]) for name in _UNUSUAL if name in record}
    return ContactFacts(contact_id=contact_id, borrower_id=borrower_id, **known)


def _names(*, with_default: bool) -> tuple[str, ...]:
    ids = {"contact_id", "borrower_id"}
    every = (f for f in fields(ContactFacts) if f.name not in ids)
    return tuple(f.name for f in every if (f.default is not MISSING) is with_default)


_ALWAYS = _names(with_default=False)
_UNUSUAL = _names(with_default=True)


def _same(known: Any) -> Any:
    return known


def _maybe(read: Read) -> Read:
    return lambda known: None if known is None else read(known)


def _each(read: Read) -> Read:
    return lambda known: tuple(map(read, known))


def _set(read: Read) -> Read:
    return lambda known: frozenset(map(read, known))


def _values(kind: type, /, **reads: Read) -> Callable[[Iterable[Mapping[str, Any]]], Any]:
    """Of what is kept as tables of what is not as usual."""
    return _each(lambda kept: kind(**{name: reads.get(name, _same)(known) for name, known in kept.items()}))


def _channel(word: str) -> ChannelKind | v.Medium:
    return ChannelKind(word) if word in set(ChannelKind) else v.Medium(word)


def _place(kept: Iterable[Any]) -> Place:
    return Place(*kept)


_time = datetime.fromisoformat
_media = _set(v.Medium)
_purposes = _set(v.Purpose)
_hours = _values(Hours, days=_set(v.Day))

_FACTS: dict[str, Read] = {
    "channel": _channel,
    "not_after": _time,
    "consent": _maybe(Consent),
    "holds": tuple,
    "stop": _set(StopRule),
    "purpose": v.Purpose,
    "actor_role": v.ActorRole,
    "lender_type": v.LenderType,
    "debts": tuple,
    "recipient": v.Party,
    "debtor_type": v.DebtorType,
    "debtor_state": _set(v.DebtorState),
    "residence": _place,
    "present": _place,
    "candidate_zones": tuple,
    "address_verified_at": _time,
    "notices": _set(v.NoticeBefore),
    "preferred_hours": _hours,
    "preferred_channels": _media,
    "history": _values(
        Touch,
        when=_time,
        medium=v.Medium,
        outcome=v.TouchOutcome,
        direction=v.Direction,
        agent=v.AgentKind,
        debts=tuple,
        purpose=v.Purpose,
    ),
    "stops": _values(
        Stop, event=v.StopEvent, when=_time, until=_time, channels=_media, purposes=_purposes, debts=tuple
    ),
    "evidence": _values(
        Evidence,
        kind=v.Override,
        given_at=_time,
        expires_at=_time,
        rules=frozenset,
        channels=_media,
        purposes=_purposes,
        hours=_hours,
    ),
}
