"""What a run came to, as one JSON document: our own counts beside those of the provider's book. Pure."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.domain.contact import ContactState
from duecourse.ledger.demo import AttemptRow, ContactRow
from duecourse.policy.quiet_hours import Quiet
from duecourse.simulator import promises
from duecourse.simulator.promises import TAKEN, Entry, Met

PROMISES = ("duplicates", "lost", "unrecorded", "quiet_hour_breaches", "paid_then_messaged")
"""What must be 0."""
_ACCEPTED = frozenset({"accepted", "duplicate"})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the report is drawn from."""

    loans: int
    instalments: int
    now: datetime
    """Business time at the end."""
    contacts: Sequence[ContactRow]
    attempts: Sequence[AttemptRow]
    released: int
    steps: Sequence[tuple[datetime, datetime]]
    """Each virtual time, in order, and the real one at which it began."""
    log: Sequence[Entry]
    """The sandbox's own book."""
    zones: Mapping[str, ZoneInfo]
    """By address, found without the ledger's word for it."""
    met: Sequence[Met]
    quiet: Quiet
    wall_s: float
    acts: Mapping[str, int] = field(default_factory=dict)
    """What borrowers did, by deed."""


def report_of(evidence: Evidence) -> dict[str, Any]:
    """The report; `broken` names the promises that were not kept."""
    accepted = [entry for entry in evidence.log if entry["kind"] == "accepted"]
    payments = promises.Payments(evidence.contacts, evidence.attempts, evidence.met)
    counts = {
        "duplicates": len(promises.duplicates(accepted)),
        "lost": len(promises.lost(evidence.contacts, accepted, evidence.now)),
        "unrecorded": len(promises.unrecorded(evidence.contacts, accepted)),
        "quiet_hour_breaches": len(promises.quiet_hour_breaches(accepted, evidence.zones, evidence.quiet)),
        "paid_then_messaged": len(payments.ignored(accepted)),
    }
    return {
        "loans": evidence.loans,
        "instalments": evidence.instalments,
        **_funnel(evidence),
        "provider_accepted": len(accepted),
        **counts,
        "broken": [name for name in PROMISES if counts[name]],
        "in_flight_when_paid": len(payments.crossed(accepted)),
        "latency_ms": {"due_to_accepted": percentiles(_latencies_ms(evidence))},
        "channels": _channels(evidence.contacts, accepted),
        "provider_log": _counted(entry["kind"] for entry in evidence.log),
        "faults": _counted(entry["code"] for entry in evidence.log if entry["kind"] == "fault"),
        "acts": dict(evidence.acts),
        "business": {"from": evidence.steps[0][0].isoformat(), "to": evidence.now.isoformat()},
        "steps": len(evidence.steps),
        "wall_s": round(evidence.wall_s, 1),
    }


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 by the nearest rank; None where there is nothing to rank."""
    ranked = sorted(values)
    return {f"p{p}": round(ranked[math.ceil(p / 100 * len(ranked)) - 1], 1) if ranked else None for p in (50, 95, 99)}


def _funnel(evidence: Evidence) -> dict[str, Any]:
    states = Counter(contact.state for contact in evidence.contacts)
    return {
        "planned": len(evidence.contacts),
        "released": evidence.released,
        "accepted": sum(states[state] for state in TAKEN),
        "delivered": states[ContactState.DELIVERED],
        "undelivered": states[ContactState.UNDELIVERED],
        **{
            state.value: _by_reason(evidence.contacts, state)
            for state in (ContactState.SUPPRESSED, ContactState.CANCELLED, ContactState.REJECTED)
        },
        "expired": states[ContactState.EXPIRED],
        "unknown": states[ContactState.UNKNOWN],
        "assumed_sent": states[ContactState.ASSUMED_SENT],
        "not_due_yet": sum(c.state == ContactState.PLANNED and c.not_before > evidence.now for c in evidence.contacts),
    }


def _by_reason(contacts: Sequence[ContactRow], state: ContactState) -> dict[str, Any]:
    reasons = Counter(contact.reason or "none" for contact in contacts if contact.state == state)
    return {"total": reasons.total(), "by_reason": dict(reasons.most_common())}


def _channels(contacts: Sequence[ContactRow], accepted: Sequence[Entry]) -> dict[str, Any]:
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for contact in contacts:
        states[contact.channel][contact.state] += 1
    taken = Counter(entry["channel"] for entry in accepted)
    return {name: {**dict(sorted(states[name].items())), "provider_accepted": taken[name]} for name in sorted(states)}


def _counted(words: Any) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _latencies_ms(evidence: Evidence) -> list[float]:
    """Real milliseconds from when a contact became due to when its acceptance was recorded.

    Due is the real beginning of the first step at which it could be released: planned, and its time come.
    """
    business = [at for at, _ in evidence.steps]
    began = [stepped_at for _, stepped_at in evidence.steps]
    contacts = {c.contact_id: c for c in evidence.contacts}
    latencies = []
    for attempt in evidence.attempts:
        contact = contacts.get(attempt.contact_id)
        if contact is None or attempt.settled_at is None or attempt.outcome not in _ACCEPTED:
            continue
        due = bisect_left(business, max(contact.not_before, contact.planned_at))
        if due < len(began):
            latencies.append((attempt.settled_at - began[due]).total_seconds() * 1000)
    return latencies
