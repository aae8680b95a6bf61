"""Apply receipts inside one transaction: each once, forward only, with its events, and what follows from it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from duecourse.domain.clock import Times
from duecourse.domain.contact import ContactState
from duecourse.domain.event import Event
from duecourse.domain.receipt import Incoming, Match, Move, Standing
from duecourse.domain.vocabulary import ReceiptKind
from duecourse.policy.intents import Lexicon
from duecourse.policy.receipts import progress
from duecourse.policy.wishes import may_wish
from duecourse.ports import Transaction
from duecourse.usecases.heed_wishes import HeedWishes, Said
from duecourse.usecases.report_receipts import Delivered

#: What a provider's code may look like. Anything else could be a sentence, and say who.
_CODE = re.compile(r"[\w.:/-]{1,48}")
_WORTH_TELLING = frozenset({ReceiptKind.READ, ReceiptKind.REPLIED, ReceiptKind.COMPLAINED, ReceiptKind.OPTED_OUT})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fresh:
    """A receipt seen for the first time, and of whom it speaks."""

    incoming: Incoming
    match: Match | None
    people: frozenset[int]


@dataclass(slots=True)
class _Applied:
    """What a batch of receipts comes to."""

    standing: dict[int, Standing]
    moves: dict[int, Move] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


class Recorded(NamedTuple):
    waiting: set[int]
    """Inbox ids of calls that must be read again: they speak of a message id that is not known yet."""
    delivered: list[Delivered]
    """What was learnt just now of messages that arrived."""


async def record_receipts(
    tx: Transaction, incoming: Sequence[Incoming], lexicon: Lexicon, *, times: Times, actor: str
) -> Recorded:
    """Apply what is new among `incoming`, in its order. `lexicon`: by what words borrowers stop us."""
    matches = await tx.matches.attempts(incoming)
    people = await tx.matches.people(incoming)
    early = {place for place, item in enumerate(incoming) if _is_early(item, matches.get(place), people.get(place))}
    known = [
        _Fresh(incoming=item, match=matches.get(place), people=frozenset(people.get(place, ())))
        for place, item in enumerate(incoming)
        if place not in early
    ]
    await tx.contacts.lock_borrowers(sorted({borrower for item in known for borrower in _borrowers(item)}))
    fresh = await _new_ones(tx, known, times)
    await _move(tx, fresh, times, actor)
    await _flag_addresses(tx, fresh, times, actor)
    said = [
        Said(incoming=item.incoming, borrowers=sorted(_borrowers(item)))
        for item in fresh
        if may_wish(item.incoming.receipt)
    ]
    await HeedWishes(tx=tx, lexicon=lexicon, times=times, actor=actor)(said)
    return Recorded({incoming[place].inbox_id for place in early}, [*_delivered(fresh)])


def _delivered(fresh: Sequence[_Fresh]) -> Iterable[Delivered]:
    for item in fresh:
        if item.match and item.incoming.receipt.kind is ReceiptKind.DELIVERED:
            told = item.incoming
            yield Delivered(
                provider=told.provider,
                channel=told.channel,
                armed_at=item.match.armed_at,
                received_at=told.received_at,
            )


def _is_early(item: Incoming, match: Match | None, people: set[int] | None) -> bool:
    """The receipt overtook the answer that tells us the message id."""
    return item.patient and match is None and not people and item.receipt.provider_message_id is not None


def _borrowers(item: _Fresh) -> set[int]:
    return set(item.people) | ({item.match.borrower_id} if item.match else set())


async def _new_ones(tx: Transaction, known: Sequence[_Fresh], times: Times) -> list[_Fresh]:
    first = {(item.incoming.provider, item.incoming.receipt.event_key): item for item in reversed(known)}
    new = await tx.receipts.record([(item.incoming, item.match) for item in first.values()], times=times)
    return [
        item for item in reversed(first.values()) if (item.incoming.provider, item.incoming.receipt.event_key) in new
    ]


async def _move(tx: Transaction, fresh: Sequence[_Fresh], times: Times, actor: str) -> None:
    standing = await tx.receipts.lock_contacts(item.match.contact_id for item in fresh if item.match)
    applied = _Applied(standing=dict(standing))
    for item in fresh:
        _apply(applied, item)
    await tx.receipts.move(list(applied.moves.values()), times=times)
    await tx.receipts.prove_sent(_proofs(fresh))
    await tx.events.append(times, actor, applied.events)
    failed = [m.contact_id for m in applied.moves.values() if m.state is ContactState.UNDELIVERED]
    await tx.contacts.plan_next_channels(failed, times=times, actor=actor)


def _apply(applied: _Applied, item: _Fresh) -> None:
    receipt, match = item.incoming.receipt, item.match
    if match is None:
        applied.events.extend(_events_of_nobodys(item))
        return
    data = _data(item, match)
    standing = applied.standing[match.contact_id]
    if receipt.kind in _WORTH_TELLING:
        applied.events.append(_event(f"contact.{receipt.kind}", match, data))
    step = progress(standing.state, receipt.kind, latest=match.idempotency_key == standing.latest_key)
    if step.state is not None:
        applied.standing[match.contact_id] = replace(standing, state=step.state)
        reason = data.get("code") if step.state is ContactState.UNDELIVERED else None
        applied.moves[match.contact_id] = Move(
            contact_id=match.contact_id, due_on=match.due_on, state=step.state, reason=reason
        )
        applied.events.append(_event(f"contact.{step.state}", match, data))
    elif step.ignored is not None:
        applied.events.append(_event("receipt.ignored", match, data | {"reason": step.ignored}))


def _events_of_nobodys(item: _Fresh) -> Iterable[Event]:
    """Of no message of ours; an answer may still come from somebody we know."""
    kind = item.incoming.receipt.kind
    data = _data(item, None)
    if not item.people:
        return [Event(kind="receipt.unmatched", data=data)]
    return [Event(kind=f"borrower.{kind}", borrower_id=person, data=data) for person in sorted(item.people)]


def _event(kind: str, match: Match, data: Mapping[str, Any]) -> Event:
    return Event(kind=kind, contact_id=match.contact_id, borrower_id=match.borrower_id, data=data)


def _data(item: _Fresh, match: Match | None) -> dict[str, Any]:
    receipt = item.incoming.receipt
    data: dict[str, Any] = {
        "receipt": receipt.kind.value,
        "provider": item.incoming.provider,
        "inbox_id": item.incoming.inbox_id,
        "channel": item.incoming.channel.value,
    }
    if match is not None:
        data["attempt"] = match.number
    if receipt.code is not None:
        data["code"] = receipt.code if _CODE.fullmatch(receipt.code) else "unlisted"
    if receipt.at is not None:
        data["provider_at"] = receipt.at.isoformat()
    return data


def _proofs(fresh: Sequence[_Fresh]) -> list[tuple[Match, str | None]]:
    """One per attempt. An opt-out proves nothing: the provider may have refused the message because of it."""
    proofs = {
        (item.match.contact_id, item.match.number): (item.match, item.incoming.receipt.provider_message_id)
        for item in fresh
        if item.match and item.incoming.receipt.kind is not ReceiptKind.OPTED_OUT
    }
    return list(proofs.values())


async def _flag_addresses(tx: Transaction, fresh: Sequence[_Fresh], times: Times, actor: str) -> None:
    matches = [item.match for item in fresh if item.match and item.incoming.receipt.address_invalid]
    flagged = await tx.matches.contact_points(matches)
    await tx.contacts.flag_addresses([f.contact_point_id for f in flagged], times=times)
    await tx.events.append(
        times,
        actor,
        [
            Event(
                kind="contact_point.invalidated",
                contact_id=f.contact_id,
                borrower_id=f.borrower_id,
                data={"contact_point_id": f.contact_point_id},
            )
            for f in flagged
        ],
    )
