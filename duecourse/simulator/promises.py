"""The promises that a run must have kept, each recomputed from the provider's own book. Pure."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.ledger.demo import AttemptRow, ContactRow
from duecourse.policy.quiet_hours import Quiet

Entry = Mapping[str, Any]
"""A line of the sandbox's log."""

#: States that say: a provider has it.
TAKEN = frozenset({"accepted", "delivered", "undelivered"})
_PERHAPS = TAKEN | {"assumed_sent", "unknown"}
_UNEXPLAINED = frozenset({"planned", "released", "sending"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Met:
    """Nothing was left to pay of a borrower's due date from one real instant, as measured after the commit."""

    borrower_id: int
    due_on: date
    since: datetime
    until: datetime | None = None
    """When a reversal was about to be recorded."""


def contact_of(reference: str) -> int:
    """The contact that a provider's reference `<contact id>-<attempt>` names; 0 where it names none."""
    head = reference.partition("-")[0]
    return int(head) if head.isdecimal() else 0


def duplicates(accepted: Sequence[Entry]) -> list[int]:
    """Contacts that the provider accepted more than once. A call that it recognised by its key is none of these."""
    times = Counter(contact_of(entry["reference"]) for entry in accepted)
    return [contact_id for contact_id, count in times.items() if count > 1]


def lost(contacts: Sequence[ContactRow], accepted: Sequence[Entry], now: datetime) -> list[int]:
    """Contacts whose time has come and that nothing explains, and those we count as taken and no provider knows."""
    known = {contact_of(entry["reference"]) for entry in accepted}
    return [
        c.contact_id
        for c in contacts
        if (c.state in _UNEXPLAINED and c.not_before <= now) or (c.state in TAKEN and c.contact_id not in known)
    ]


def unrecorded(contacts: Sequence[ContactRow], accepted: Sequence[Entry]) -> list[int]:
    """Contacts that the provider accepted and whose state does not even say perhaps."""
    states = {c.contact_id: c.state for c in contacts}
    known = {contact_of(entry["reference"]) for entry in accepted}
    return [contact_id for contact_id in known if states.get(contact_id) not in _PERHAPS]


def quiet_hour_breaches(accepted: Sequence[Entry], zones: Mapping[str, ZoneInfo], quiet: Quiet) -> list[str]:
    """Messages that came when nobody may be disturbed, or to somebody whose zone nobody knows. `zones`: by address."""
    return [entry["id"] for entry in accepted if not _is_decent(entry, zones.get(entry["to"]), quiet)]


class Payments:
    """Which messages a payment should have stopped.

    A payment that was committed before the permission to send was written stops the message; one that came after
    it may find the message in flight. The permission is the last attempt armed before the provider accepted.
    """

    def __init__(self, contacts: Sequence[ContactRow], attempts: Sequence[AttemptRow], met: Sequence[Met]) -> None:
        self._contacts = {c.contact_id: c for c in contacts if not c.confirms}
        self._armed: dict[str, list[datetime]] = defaultdict(list)
        for attempt in attempts:
            if attempt.kind != "lookup":
                self._armed[attempt.reference].append(attempt.armed_at)
        self._met: dict[tuple[int, date], list[Met]] = defaultdict(list)
        for one in met:
            self._met[one.borrower_id, one.due_on].append(one)

    def ignored(self, accepted: Sequence[Entry]) -> list[str]:
        """Messages that were permitted although nothing was left to pay."""
        return [entry["id"] for entry in accepted if any(m.since < at for m, at in self._about(entry))]

    def crossed(self, accepted: Sequence[Entry]) -> list[str]:
        """Messages that were on their way when the payment came."""
        return [
            entry["id"]
            for entry in accepted
            if any(at <= m.since < datetime.fromisoformat(entry["at"]) for m, at in self._about(entry))
        ]

    def _about(self, entry: Entry) -> list[tuple[Met, datetime]]:
        """Payments that were in force when the message was permitted or after, with the instant of the permission."""
        contact = self._contacts.get(contact_of(entry["reference"]))
        if contact is None:
            return []
        permitted = self._permitted(entry)
        paid = self._met.get((contact.borrower_id, contact.due_on), ())
        return [(m, permitted) for m in paid if m.until is None or m.until > permitted]

    def _permitted(self, entry: Entry) -> datetime:
        accepted_at = datetime.fromisoformat(entry["at"])
        armed = sorted(self._armed.get(entry["reference"], ()))
        before = bisect_right(armed, accepted_at)
        # Without any permission the message itself is the instant to judge.
        return armed[before - 1] if before else accepted_at


def _is_decent(entry: Entry, zone: ZoneInfo | None, quiet: Quiet) -> bool:
    if zone is None or entry["virtual_at"] is None:
        return False
    return not _within(datetime.fromisoformat(entry["virtual_at"]).astimezone(zone).time(), quiet.start, quiet.end)


def _within(at: time, start: time, end: time) -> bool:
    """In the half-open span, which may go over midnight."""
    return start <= at < end if start < end else at >= start or at < end
