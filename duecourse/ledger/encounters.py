"""Encounters: touches by people, agencies and other systems. A reservation counts until it is recorded or released."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from duecourse.domain.clock import Times
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.domain.verdict import Verdict
from duecourse.ledger.crypto import Vault
from duecourse.ledger.debtors import Debtor, find_loan, index_of, lock_debtor
from duecourse.ledger.events import EventRows
from duecourse.ledger.stops import StopRows
from duecourse.policy.history import REVIEWED
from duecourse.policy.packs.vocabulary import Direction
from duecourse.ports.evidence import OPEN, Encounter, EncounterState, NewEncounter, NewStop, Question, Recorded

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_FIND = """
SELECT encounter_id, borrower_id, state, loan_id, medium, direction, agent_kind, agent, agency, address_index, purpose,
       outcome, identity_verified, requested, consented, at, verdict
FROM encounters WHERE reference = %s
"""
_ADD = """
INSERT INTO encounters (reference, borrower_id, loan_id, state, medium, direction, agent_kind, agent, agency,
                        address_index, purpose, outcome, identity_verified, requested, consented, at, local_day,
                        verdict, recorded_at, recorded_by)
VALUES (%(reference)s, %(borrower_id)s, %(loan_id)s, %(state)s, %(medium)s, %(direction)s, %(agent_kind)s, %(agent)s,
        %(agency)s, %(address_index)s, %(purpose)s, %(outcome)s, %(identity_verified)s, %(requested)s, %(consented)s,
        %(at)s, %(local_day)s, %(verdict)s, %(now)s, %(actor)s)
ON CONFLICT (reference) DO NOTHING
RETURNING encounter_id
"""
_COMPLETE = """
UPDATE encounters
SET state = %(state)s, loan_id = %(loan_id)s, agent_kind = %(agent_kind)s, agent = %(agent)s, agency = %(agency)s,
    address_index = %(address_index)s, purpose = %(purpose)s, outcome = %(outcome)s,
    identity_verified = %(identity_verified)s, requested = %(requested)s, consented = %(consented)s, at = %(at)s,
    local_day = %(local_day)s, recorded_at = %(now)s, recorded_by = %(actor)s
WHERE reference = %(reference)s AND state IN ('reserved', 'unrecorded')
"""
_LOCK_MET = """
SELECT e.encounter_id, b.borrower_id, e.state FROM encounters e JOIN borrowers b USING (borrower_id)
WHERE e.reference = %s FOR NO KEY UPDATE OF b
"""
_RELEASE = """
UPDATE encounters SET state = 'released', recorded_at = %s, recorded_by = %s
WHERE encounter_id = %s AND state IN ('reserved', 'unrecorded')
"""
_OVERDUE = """
WITH late AS (
    SELECT encounter_id FROM encounters WHERE state = 'reserved' AND at <= %(before)s
    ORDER BY at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE encounters e SET state = 'unrecorded' FROM late WHERE e.encounter_id = late.encounter_id
    RETURNING e.encounter_id, e.borrower_id
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'encounter.unrecorded', %(actor)s, borrower_id,
           jsonb_build_object('encounter_id', encounter_id)
    FROM marked
)
SELECT count(*) FROM marked
"""
_LIST = """
SELECT e.reference, b.external_id AS borrower, l.external_id AS loan, e.state, e.medium, e.direction, e.agent_kind,
       e.agent, e.agency, e.purpose, e.outcome, e.identity_verified, e.requested, e.consented, e.at, e.recorded_at,
       e.recorded_by
FROM encounters e JOIN borrowers b USING (borrower_id) LEFT JOIN loans l ON l.loan_id = e.loan_id
WHERE (%(borrower)s::text IS NULL OR b.external_id = %(borrower)s)
  AND (%(states)s::text[] = '{}' OR e.state = ANY (%(states)s))
ORDER BY e.encounter_id DESC LIMIT %(limit)s
"""
#: How many reservations one step of the sweep marks.
_AT_ONCE = 1000
#: What makes two accounts of one encounter the same account.
_SAME = (
    "borrower_id", "loan_id", "medium", "direction", "agent_kind", "agent", "agency", "address_index", "purpose",
    "outcome", "identity_verified", "requested", "consented",
)  # fmt: skip
#: What a reservation said stands, where the account of what became of it does not say it anew.
_INHERITED = ("loan_id", "agent", "agency", "address_index", "purpose")


class Reservation(NamedTuple):
    at: datetime
    """When the call or visit is to be."""
    verdict: dict[str, Any]


class EncounterRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault
        self._events = EventRows(conn)

    async def record(self, encounter: NewEncounter, *, times: Times, actor: str) -> Recorded:
        """Write what happened, once: a new row, or the end of a reservation with that reference.

        Raises:
            InputError: no such borrower or loan, an address that can be none, or a reference that was used before for
                something else.
        """
        debtor = await lock_debtor(self._conn, encounter.borrower)
        known = await self._find(encounter.reference)
        values = await self._values(encounter, debtor, at=_when(encounter, known, times), times=times, actor=actor)
        if known and known["state"] not in OPEN:
            return _repeated(known, values, said_when=encounter.at)
        number = await self._complete(known, values) if known else await self._add(values)
        data = {"encounter_id": number} | {
            name: values[name] for name in ("medium", "direction", "agent_kind", "outcome", "loan_id")
        }
        await self._log(Event(kind="encounter.recorded", borrower_id=debtor.borrower_id, data=data), times, actor)
        await self._note(encounter, values["at"], times, actor)
        return Recorded(number=number)

    async def reservation(self, question: Question, debtor: Debtor) -> Reservation | None:
        """What the same question was answered before; None where it is new.

        Raises:
            InputError: the reference was used before for something else, or its time is over.
        """
        known = await self._find(question.reference)
        if known is None:
            return None
        same = (known["borrower_id"], known["medium"]) == (debtor.borrower_id, question.medium)
        if same and known["state"] == EncounterState.UNRECORDED:
            raise InputError("reference: its time is over: record what became of it, or release it")
        if not same or known["state"] != EncounterState.RESERVED or question.at not in {None, known["at"]}:
            raise InputError("reference: used before for something else")
        return Reservation(known["at"], known["verdict"])

    async def reserve(self, question: Question, debtor: Debtor, verdict: Verdict, *, times: Times, actor: str) -> int:
        """Count it from now on. The caller has locked the borrower and asked the gate in this transaction.

        Raises:
            InputError: no such loan, an address that can be none, or a reference that was used before.
        """
        at = question.at or times.business
        number = await self._add({
            "reference": question.reference,
            "borrower_id": debtor.borrower_id,
            "loan_id": await find_loan(self._conn, question.loan, debtor.borrower_id),
            "state": EncounterState.RESERVED,
            "medium": question.medium,
            "direction": Direction.OUTBOUND,
            "agent_kind": question.agent_kind,
            "agent": question.agent,
            "agency": question.agency,
            "address_index": index_of(self._vault, question.medium, question.address, debtor),
            "purpose": question.purpose,
            "outcome": None,
            "identity_verified": question.identity_verified,
            "requested": question.requested,
            "consented": False,
            "at": at,
            "local_day": debtor.local_day(at),
            "verdict": Jsonb(verdict.as_json()),
            "now": times.business,
            "actor": actor,
        })
        data = {"encounter_id": number, "medium": question.medium.value, "verdict": verdict.as_json()}
        if question.approved and f"{REVIEWED}:{question.reference}" in verdict.evidence:
            data["approved"] = {"by": question.approved.by, "reason": question.approved.reason}
        await self._log(Event(kind="encounter.reserved", borrower_id=debtor.borrower_id, data=data), times, actor)
        return number

    async def release(self, reference: str, *, times: Times, actor: str) -> bool:
        """It did not happen: it counts no more. False where it had been released before.

        Raises:
            InputError: no such encounter, or it was recorded as having happened.
        """
        row = await (await self._conn.execute(_LOCK_MET, (reference,))).fetchone()
        if row is None:
            raise InputError("reference: no such encounter")
        number, borrower_id, state = row
        if state == EncounterState.RECORDED:
            raise InputError("reference: recorded as having happened")
        cursor = await self._conn.execute(_RELEASE, (times.business, actor, number))
        if cursor.rowcount:
            await self._log(
                Event(kind="encounter.released", borrower_id=borrower_id, data={"encounter_id": number}), times, actor
            )
        return bool(cursor.rowcount)

    async def overdue(self, before: datetime, *, times: Times, actor: str) -> int:
        """Mark reservations for a time up to `before` as not recorded, and return how many there were.

        They go on counting: something may have happened. Who records or releases one late still can.
        """
        values = {"before": before, "limit": _AT_ONCE, "now": times.business, "lease": times.lease, "actor": actor}
        (marked,) = await (await self._conn.execute(_OVERDUE, values)).fetchone() or (0,)
        return int(marked)

    async def listed(
        self, borrower: str | None, *, states: Collection[EncounterState], limit: int
    ) -> Sequence[Encounter]:
        """The last recorded first; of one borrower or of all, in some states or, without any, in each."""
        async with self._conn.cursor(row_factory=class_row(Encounter)) as cursor:
            await cursor.execute(_LIST, {"borrower": borrower, "states": list(states), "limit": limit})
            return await cursor.fetchall()

    async def _values(
        self, encounter: NewEncounter, debtor: Debtor, *, at: datetime, times: Times, actor: str
    ) -> dict[str, Any]:
        return {
            "reference": encounter.reference,
            "borrower_id": debtor.borrower_id,
            "loan_id": await find_loan(self._conn, encounter.loan, debtor.borrower_id),
            "state": EncounterState.RECORDED,
            "medium": encounter.medium,
            "direction": encounter.direction,
            "agent_kind": encounter.agent_kind,
            "agent": encounter.agent,
            "agency": encounter.agency,
            "address_index": index_of(self._vault, encounter.medium, encounter.address, debtor),
            "purpose": encounter.purpose,
            "outcome": encounter.outcome,
            "identity_verified": encounter.identity_verified,
            "requested": encounter.requested,
            "consented": encounter.consented,
            "at": at,
            "local_day": debtor.local_day(at),
            "verdict": None,
            "now": times.business,
            "actor": actor,
        }

    async def _find(self, reference: str) -> dict[str, Any] | None:
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_FIND, (reference,))
            return await cursor.fetchone()

    async def _add(self, values: dict[str, Any]) -> int:
        row = await (await self._conn.execute(_ADD, values)).fetchone()
        if row is None:
            # Another borrower's, written since we looked: of ours it would have waited for the lock.
            raise InputError("reference: used before for something else")
        return int(row[0])

    async def _complete(self, known: dict[str, Any], values: dict[str, Any]) -> int:
        for name in ("borrower_id", "medium", "direction"):
            if known[name] != values[name]:
                raise InputError("reference: reserved for something else")
        for name in _INHERITED:
            values[name] = known[name] if values[name] is None else values[name]
        await self._conn.execute(_COMPLETE, values)
        return int(known["encounter_id"])

    async def _note(self, encounter: NewEncounter, at: datetime, times: Times, actor: str) -> None:
        for heard in encounter.heard:
            stop = NewStop(
                borrower=encounter.borrower,
                loan=encounter.loan,
                kind=heard,
                evidence=encounter.reference,
                happened_at=at,
            )
            await StopRows(self._conn).record(stop, times=times, actor=actor)

    async def _log(self, event: Event, times: Times, actor: str) -> None:
        await self._events.append(times, actor, [event])


def _when(encounter: NewEncounter, known: dict[str, Any] | None, times: Times) -> datetime:
    """When it was, where nobody says: now, but a reservation's own time if that is past."""
    if encounter.at is not None or known is None:
        return encounter.at or times.business
    asked_for: datetime = known["at"]
    return min(asked_for, times.business)


def _repeated(known: dict[str, Any], values: dict[str, Any], *, said_when: datetime | None) -> Recorded:
    """The same account again is no second encounter; another account under its reference is refused."""
    if known["state"] == EncounterState.RELEASED:
        raise InputError("reference: was released: it did not happen")
    differs = [
        name for name in _SAME if known[name] != values[name] and not (name in _INHERITED and values[name] is None)
    ]
    if differs or (said_when is not None and known["at"] != said_when):
        raise InputError(f"reference: recorded before with another {differs[0] if differs else 'at'}")
    return Recorded(number=known["encounter_id"], repeated=True)
