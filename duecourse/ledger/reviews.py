"""Contacts that wait for a person. Each stays planned, put aside until its not-after: nothing releases it before."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import dict_row

from duecourse.domain.clock import Times
from duecourse.domain.contact import ContactState
from duecourse.domain.event import Event
from duecourse.domain.review import NewDecision, Review, ReviewDecision
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.events import EventRows
from duecourse.ledger.releasing import REACH
from duecourse.ledger.statements import document
from duecourse.ports import Judged

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

REFUSED = "review-refused"

_ASK = """
INSERT INTO reviews (contact_id, due_on, borrower_id, rules, asked_at)
SELECT r.contact_id, r.due_on, r.borrower_id, r.rules, %(now)s
FROM jsonb_to_recordset(%(rows)s) AS r (contact_id bigint, due_on date, borrower_id bigint, rules text[])
ON CONFLICT (contact_id) WHERE decision IS NULL DO NOTHING
"""
#: The verdict stands in the event that was written with the review.
_READ = """
SELECT r.review_id, r.contact_id, b.external_id AS borrower, r.due_on, c.channel, c.cadence, c.rung, r.rules,
       said.verdict, r.asked_at, c.not_after, c.state,
       r.decision IS NULL AND c.state = 'planned' AND c.not_after > %(now)s AS waits,
       r.decision, r.lifts, r.decided_by, r.reason, r.decided_at
FROM reviews r
JOIN contacts c ON c.contact_id = r.contact_id AND c.due_on = r.due_on
JOIN borrowers b ON b.borrower_id = r.borrower_id
JOIN LATERAL (
    SELECT e.data -> 'verdict' AS verdict FROM events e
    WHERE e.contact_id = r.contact_id AND e.at = r.asked_at AND e.kind = 'contact.review'
    ORDER BY e.event_id DESC LIMIT 1
) said ON true
"""
_LIST = (
    _READ
    + """
WHERE r.decision IS NULL AND r.contact_id >= contact_month_base(%(oldest)s)
  AND c.state = 'planned' AND c.not_after > %(now)s
  AND (%(borrower)s::text IS NULL OR b.external_id = %(borrower)s)
ORDER BY c.not_after, r.review_id LIMIT %(limit)s
"""
)
_FIND = _READ + "WHERE r.review_id = %(review)s"
#: The borrower first, as everybody locks; then nobody else decides, and the contact is looked at anew.
_LOCK_BORROWER = """
SELECT b.borrower_id FROM reviews r JOIN borrowers b USING (borrower_id) WHERE r.review_id = %s FOR NO KEY UPDATE OF b
"""
_LOCK_CONTACT = """
SELECT c.contact_id FROM reviews r JOIN contacts c ON c.contact_id = r.contact_id AND c.due_on = r.due_on
WHERE r.review_id = %s FOR UPDATE OF c
"""
_DECIDE = """
UPDATE reviews SET decision = %(decision)s, lifts = %(lifts)s, decided_by = %(by)s, reason = %(reason)s,
                   decided_at = %(now)s
WHERE review_id = %(review)s
RETURNING borrower_id
"""
_RETURN = """
UPDATE contacts SET not_before = %(now)s, reason = NULL
WHERE due_on = %(due)s AND contact_id = %(contact)s AND state = 'planned'
"""
_REFUSE = """
UPDATE contacts SET state = 'suppressed', state_at = %(now)s, reason = %(why)s
WHERE due_on = %(due)s AND contact_id = %(contact)s AND state = 'planned'
"""


class ReviewRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn
        self._events = EventRows(conn)

    async def ask(self, judged: Sequence[Judged], *, times: Times) -> None:
        """Put contacts on the list, in the transaction that judged them; their events carry the verdicts."""
        rows = [
            {
                "contact_id": one.contact.contact_id,
                "due_on": one.contact.due_on,
                "borrower_id": one.contact.borrower_id,
                "rules": one.verdict.rules,
            }
            for one in judged
        ]
        if rows:
            await self._conn.execute(_ASK, {"rows": document(rows), "now": times.business})

    async def listed(self, borrower: str | None, *, now: datetime, limit: int) -> Sequence[Review]:
        """What waits, that which ends first first; of one borrower (the lender's number) or of all."""
        oldest = (now - REACH).date()
        return await self._read(_LIST, {"borrower": borrower, "now": now, "oldest": oldest, "limit": limit})

    async def find(self, review_id: int, *, now: datetime) -> Review | None:
        """One review, decided or not; None where there is none of this id."""
        found = await self._read(_FIND, {"review": review_id, "now": now})
        return found[0] if found else None

    async def lock(self, review_id: int, *, now: datetime) -> Review | None:
        """The same, with its borrower and contact locked: until the transaction ends nobody else decides or sends."""
        await self._conn.execute(_LOCK_BORROWER, (review_id,))
        await self._conn.execute(_LOCK_CONTACT, (review_id,))
        return await self.find(review_id, now=now)

    async def decide(
        self, review: Review, decision: NewDecision, lifts: Collection[str], *, times: Times, actor: str
    ) -> None:
        """Write down what was decided, and send the contact on its way: to the gate once more, or nowhere.

        Args:
            review: locked, and waiting.
            decision: the person's word.
            lifts: the rules that it lifts for this contact.
            times: now.
            actor: who carried it out, for the events.
        """
        said = {"decision": decision.decision.value, "lifts": list(lifts), "by": decision.by, "reason": decision.reason}
        values = said | {"review": review.review_id, "now": times.business}
        (borrower_id,) = await (await self._conn.execute(_DECIDE, values)).fetchone() or (0,)
        about = {"contact_id": review.contact_id, "borrower_id": borrower_id}
        data = {"review_id": review.review_id, "rules": list(review.rules), **said}
        events = [Event(kind="review.decided", data=data, **about)]
        where = {"due": review.due_on, "contact": review.contact_id, "now": times.business, "why": REFUSED}
        if decision.decision is ReviewDecision.REFUSE:
            await self._conn.execute(_REFUSE, where)
            data = {"reason": REFUSED, "review_id": review.review_id}
            events.append(Event(kind="contact.suppressed", data=data, **about))
        else:
            await self._conn.execute(_RETURN, where)
        await self._events.append(times, actor, events)

    async def _read(self, query: LiteralString, values: Mapping[str, object]) -> list[Review]:
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            return [_review(row) for row in await cursor.fetchall()]


def _review(row: Mapping[str, Any]) -> Review:
    named = {
        "channel": ChannelKind(row["channel"]),
        "state": ContactState(row["state"]),
        "decision": ReviewDecision(row["decision"]) if row["decision"] else None,
        "rules": tuple(row["rules"]),
        "lifts": tuple(row["lifts"]),
    }
    return Review(**{**row, **named})
