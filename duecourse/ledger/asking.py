"""What the gate would know of a contact that nobody planned: read by the claim itself, and undone."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from duecourse.domain.clock import Times
from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind, StopRule
from duecourse.domain.zones import find_zone
from duecourse.ledger.partitions import ensure_months
from duecourse.ledger.rehearsal import Rehearsal
from duecourse.policy.facts import ContactFacts
from duecourse.policy.terms import Terms
from duecourse.ports.evidence import Question

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection, PostgresLedger

_BORROWER = "SELECT borrower_id, time_zone FROM borrowers WHERE external_id = %s"
#: What is still open and due nearest to that day.
_DUE = """
SELECT i.due_on FROM instalments i JOIN loans l USING (loan_id)
WHERE i.borrower_id = %(borrower)s AND i.outstanding_minor > 0 AND l.status = 'active'
ORDER BY abs(i.due_on - %(day)s), i.due_on LIMIT 1
"""
_PLAN = """
INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, audience, template, stop,
                      priority, scheduled_at, not_before, not_after, planned_at, state_at)
VALUES (contact_month_base(%(due)s) + nextval('contact_numbers'), %(due)s, %(borrower)s, 'asked', 1, 'asked',
        %(channel)s, 'standard', 'asked', %(stop)s, 9, %(at)s, %(at)s, %(end)s, %(at)s, %(at)s)
RETURNING contact_id
"""
_RELEASE = "UPDATE contacts SET state = 'released', released_at = %s WHERE contact_id = %s AND due_on = %s"
_NO_TERMS = Terms()
#: Long enough for whatever it has to wait for.
_ENDS_AFTER = timedelta(days=14)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A contact that somebody asks about."""

    borrower: str
    """The lender's own id."""
    channel: ChannelKind
    at: datetime
    """Business time. A naive one is by the borrower's own clock."""
    due_on: date | None = None
    """None: the open due date that is nearest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the gate would be told."""

    facts: ContactFacts
    at: datetime
    due_on: date | None
    """None: a person speaks of all that is open."""


async def facts_of_question(ledger: "PostgresLedger", question: Question, lease: datetime, terms: Terms) -> Known:
    """The same of what a person would do: as `encounters ask` reads it, and nothing is reserved.

    Args:
        ledger: the truth.
        question: with its time. A naive one is by the borrower's own clock.
        lease: lease time.
        terms: the lender's.

    Raises:
        InputError: there is no such borrower.
    """
    async with Rehearsal(ledger=ledger).transaction() as tx:
        _, zone = await _borrower(tx.conn, question.borrower)
        at = _by_clock(question.at or lease, zone, question.borrower)
        then = Times(business=at, lease=lease)
        facts = await tx.book.questions.facts(replace(question, at=at), times=then, terms=terms)
    return Known(facts=facts, at=at, due_on=None)


async def facts_of(ledger: "PostgresLedger", asked: Asked, lease: datetime, terms: Terms = _NO_TERMS) -> Known:
    """Read a contact's facts as a worker would at that time. Nothing of it stays.

    For that moment the borrower is locked as by a worker's claim.

    Raises:
        InputError: there is no such borrower.
    """
    async with Rehearsal(ledger=ledger).transaction() as tx:
        borrower_id, zone = await _borrower(tx.conn, asked.borrower)
        at = _by_clock(asked.at, zone, asked.borrower)
        due_on = asked.due_on or await _due(tx.conn, borrower_id, at.date())
        contact_id = await _planned(tx.conn, asked, (borrower_id, due_on, at))
        await tx.conn.execute(_RELEASE, (lease, contact_id, due_on))
        [contact] = await tx.claims.claim([contact_id], times=Times(business=at, lease=lease), terms=terms)
    return Known(facts=contact.facts, at=at, due_on=due_on)


def _by_clock(at: datetime, zone: ZoneInfo | None, borrower: str) -> datetime:
    if at.tzinfo:
        return at
    if zone is None:
        raise InputError(f"the time zone of borrower {borrower} is not known: give the time with its offset")
    return at.replace(tzinfo=zone)


async def _borrower(conn: "Connection", external_id: str) -> tuple[int, ZoneInfo | None]:
    row = await (await conn.execute(_BORROWER, (external_id,))).fetchone()
    if row is None:
        raise InputError(f"there is no borrower {external_id}")
    return row[0], find_zone(row[1])


async def _due(conn: "Connection", borrower_id: int, day: date) -> date:
    """That very day where nothing is open: the gate then says that all is paid."""
    row = await (await conn.execute(_DUE, {"borrower": borrower_id, "day": day})).fetchone()
    return row[0] if row else day


async def _planned(conn: "Connection", asked: Asked, where: tuple[int, date, datetime]) -> int:
    borrower_id, due_on, at = where
    await ensure_months(conn, due_on, due_on)
    values = {
        "borrower": borrower_id,
        "due": due_on,
        "channel": asked.channel.value,
        "stop": [rule.value for rule in StopRule],
        "at": at,
        "end": at + _ENDS_AFTER,
    }
    row = await (await conn.execute(_PLAN, values)).fetchone()
    if row is None:
        raise InputError("the contact that was asked about could not be written")
    return int(row[0])
