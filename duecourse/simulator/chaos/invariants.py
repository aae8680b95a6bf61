"""What must hold after any storm, each found out from three books that were written apart. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from duecourse.domain.contact import TRANSITIONS, ContactState
from duecourse.ledger.chaos import AttemptFate, ContactFate
from duecourse.simulator.promises import TAKEN, contact_of
from duecourse.simulator.sandbox.exchange import BEFORE

Entry = Mapping[str, Any]
"""A line of the provider's own book."""

_OPEN = frozenset({"planned", "released", "sending", "unknown"})
_UNSENT = frozenset({"suppressed", "cancelled", "expired", "rejected"})
_CALLED = frozenset({"send", "recall"})
_STATES = {state.value: state for state in ContactState}
#: Events after which a contact is planned again.
_BACK = frozenset({"returned", "deferred", "postponed"})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that is known of a run when it is over."""

    borrowers: Sequence[str]
    """Everybody who is due."""
    contacts: Sequence[ContactFate]
    attempts: Sequence[AttemptFate]
    log: Sequence[Entry]
    told: Sequence[tuple[int, str]]
    """(contact id, kind) of every event: by contact, in the order in which they were written."""
    paid: Mapping[str, datetime]
    """Borrower to a real instant after the commit of the payment that left nothing to pay."""
    horizons: Mapping[str, timedelta]
    """Provider to the business time after which it can no longer be asked; zero where it never could."""
    in_redis: Sequence[str] = field(default=())
    """Keys with personal data."""
    in_logs: Sequence[str] = field(default=())
    """Files with personal data."""

    @cached_property
    def accepted(self) -> list[Entry]:
        return [entry for entry in self.log if entry["kind"] == "accepted"]

    @cached_property
    def acceptances(self) -> Counter[int]:
        """Contact to how often a provider took it. A call that it recognised by its key is none."""
        return Counter(contact_of(entry["reference"]) for entry in self.accepted)

    @cached_property
    def by_reference(self) -> dict[str, list[AttemptFate]]:
        found: dict[str, list[AttemptFate]] = defaultdict(list)
        for attempt in self.attempts:
            if attempt.kind in _CALLED:
                found[attempt.reference].append(attempt)
        return found


def _duplicated(e: Evidence) -> Iterable[int]:
    return (contact_id for contact_id, count in e.acceptances.items() if count > 1)


def _unexplained(e: Evidence) -> Iterable[int]:
    return (c.contact_id for c in e.contacts if c.state in _OPEN)


def _unplanned(e: Evidence) -> Iterable[str]:
    return set(e.borrowers) - {c.borrower for c in e.contacts} - set(e.paid)


def _taken_unaccepted(e: Evidence) -> Iterable[int]:
    return (c.contact_id for c in e.contacts if c.state in TAKEN and e.acceptances[c.contact_id] != 1)


def _unsent_accepted(e: Evidence) -> Iterable[int]:
    return (c.contact_id for c in e.contacts if c.state in _UNSENT and e.acceptances[c.contact_id])


def _assumed_early(e: Evidence) -> Iterable[int]:
    sent: dict[int, list[AttemptFate]] = defaultdict(list)
    for attempt in e.attempts:
        if attempt.kind == "send":
            sent[attempt.contact_id].append(attempt)
    for contact in e.contacts:
        if contact.state == "assumed_sent":
            last = max(sent[contact.contact_id], key=lambda a: a.number, default=None)
            if last is None or contact.state_at < last.armed_business + e.horizons[last.provider]:
                yield contact.contact_id


def _unpermitted(e: Evidence) -> Iterable[str]:
    """Accepted under a reference that no attempt has, or before its attempt was committed."""
    for entry in e.accepted:
        attempts = e.by_reference.get(entry["reference"], ())
        at = datetime.fromisoformat(entry["at"])
        if not any(attempt.armed_at <= at for attempt in attempts):
            yield entry["reference"]


def _called_too_often(e: Evidence) -> Iterable[str]:
    """More calls at the provider than permissions. A fault after acceptance is a line beside the accepted one."""
    calls = Counter(entry["reference"] for entry in e.log if _is_call(entry))
    return (ref for ref, count in calls.items() if count > len(e.by_reference.get(ref, ())))


def _is_call(entry: Entry) -> bool:
    if entry["kind"] == "fault":
        return entry["code"] in BEFORE
    return entry["kind"] in {"accepted", "duplicate", "refused", "throttled"}


def _uncounted(e: Evidence) -> Iterable[str]:
    """Accepted, and yet no part of the borrower's budget."""
    for entry in e.accepted:
        attempts = [a for a in e.by_reference.get(entry["reference"], ()) if a.kind == "send"]
        if attempts and not any(a.counted for a in attempts):
            yield entry["reference"]


def _paid_and_sent(e: Evidence) -> Iterable[str]:
    """Permitted although the payment had been committed before."""
    borrowers = {c.contact_id: c.borrower for c in e.contacts}
    for attempt in e.attempts:
        paid = e.paid.get(borrowers[attempt.contact_id])
        if attempt.kind in _CALLED and paid and attempt.armed_at > paid:
            yield attempt.reference


def _replay_breaks(e: Evidence) -> Iterable[int]:
    """An illegal step, or another end than the row's."""
    reached: dict[int, ContactState] = {}
    for contact_id, kind in e.told:
        state = _state_told(kind)
        if state is None:
            continue
        before = reached.get(contact_id)
        legal = state is ContactState.PLANNED if before is None else state is before or state in TRANSITIONS[before]
        if not legal:
            yield contact_id
        reached[contact_id] = state
    yield from (c.contact_id for c in e.contacts if reached.get(c.contact_id) != c.state)


def _state_told(kind: str) -> ContactState | None:
    """Which state an event says that its contact is in now; None where it tells something else."""
    word = kind.removeprefix("contact.")
    if kind == word:
        return None
    return ContactState.PLANNED if word in _BACK else _STATES.get(word)


INVARIANTS: Mapping[str, Callable[[Evidence], Iterable[object]]] = {
    "no contact is accepted twice": _duplicated,
    "every contact ends in a state that explains it": _unexplained,
    "everybody who is due has a contact": _unplanned,
    "what we count as taken was accepted once": _taken_unaccepted,
    "what we count as unsent was never accepted": _unsent_accepted,
    "assumed sent only where nobody can be asked": _assumed_early,
    "every acceptance has a permission that was committed before": _unpermitted,
    "no more calls than permissions": _called_too_often,
    "every acceptance counts against the budget": _uncounted,
    "events replay to the state of their contact": _replay_breaks,
    "paid before the permission is not sent": _paid_and_sent,
    "no personal data in Redis": lambda e: e.in_redis,
    "no personal data in logs": lambda e: e.in_logs,
}
"""Name to what breaks it."""


def breaches(evidence: Evidence) -> dict[str, list[object]]:
    """Each invariant with what breaks it; empty lists are what one wants."""
    return {name: sorted(set(check(evidence)), key=str) for name, check in INVARIANTS.items()}
