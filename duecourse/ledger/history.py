"""What happened between lender and borrowers: our messages, others' calls and visits, stops, agreements.

Read under the borrowers' row locks, in the transaction that will add to it: so a cap is counted and used up at once.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from duecourse.domain.clock import Times
from duecourse.domain.demand import CONFIRMING, Scope
from duecourse.ledger.hours import read_hours
from duecourse.ledger.releasing import REACH
from duecourse.ledger.statements import Ids
from duecourse.policy.history import REVIEWED, Allowance, Evidence, Stop, Touch
from duecourse.policy.packs.vocabulary import (
    AgentKind,
    Direction,
    Medium,
    Override,
    Purpose,
    StopEvent,
    TouchOutcome,
)

if TYPE_CHECKING:
    from psycopg import AsyncCursor
    from psycopg.rows import TupleRow

    from duecourse.ledger.database import Connection

#: Borrower by borrower, and each contact by its key: joined as a whole, the months are read from end to end,
#: and without OFFSET 0 Postgres joins them as a whole.
_TOUCHES = """
SELECT a.borrower_id, a.contact_id, a.channel, a.local_day, c.state, a.armed_business, encode(a.address_index, 'hex'),
       a.loan_ids, c.cadence
FROM unnest(%(borrowers)s::bigint[]) AS b (borrower_id)
CROSS JOIN LATERAL (
    SELECT * FROM attempts
    WHERE borrower_id = b.borrower_id AND counted AND kind = 'send' AND local_day >= %(since)s
      AND due_on BETWEEN %(oldest)s AND %(newest)s
    OFFSET 0
) a
CROSS JOIN LATERAL (SELECT state, cadence FROM contacts WHERE contact_id = a.contact_id AND due_on = a.due_on LIMIT 1) c
"""

#: Five small tables in one statement: for most borrowers there is nothing in any of them.
_RECORDS = """
SELECT borrower_id, 'encounter', jsonb_build_array(
    local_day, at, medium, outcome, direction, agent_kind, encode(address_index, 'hex'), loan_id, purpose, requested,
    consented)
FROM encounters WHERE borrower_id = ANY (%(borrowers)s) AND at >= %(since)s AND state <> 'released'
UNION ALL
SELECT borrower_id, 'opt-out', jsonb_build_array(channel, scope, at)
FROM opt_outs WHERE borrower_id = ANY (%(borrowers)s) AND revoked_at IS NULL
UNION ALL
SELECT borrower_id, 'stop', jsonb_build_array(
    kind, happened_at, least(ends_at, lifted_at), channels, purposes, loan_id, evidence)
FROM stop_events WHERE borrower_id = ANY (%(borrowers)s)
UNION ALL
SELECT borrower_id, 'agreement', jsonb_build_array(
    kind, evidence, given_at, expires_at, rules, channels, purposes, hours)
FROM agreements
WHERE borrower_id = ANY (%(borrowers)s) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
UNION ALL
SELECT borrower_id, 'review', jsonb_build_array(contact_id, review_id, lifts)
FROM reviews WHERE borrower_id = ANY (%(borrowers)s) AND decision = 'allow'
"""

REQUESTS = (_TOUCHES, _RECORDS)

_MEDIA = {
    "sms": Medium.SMS,
    "push": Medium.PUSH,
    "email": Medium.EMAIL,
    "im": Medium.IM,
    "voice": Medium.IVR,
}  # fmt: skip
_SAME_AS = {"call": "voice", "voicemail": "voice"}
#: What is not proved to have failed counts as having arrived. A text is no talk, but a machine's call may be one.
_SPOKEN = {"undelivered": TouchOutcome.UNANSWERED, "delivered": TouchOutcome.CONVERSATION}
#: A touch that reached somebody, as far as anybody knows.
_REACHED = frozenset({"sending", "unknown", "accepted", "delivered", "assumed_sent"})
MET = frozenset({TouchOutcome.DELIVERED, TouchOutcome.ANSWERED, TouchOutcome.CONVERSATION})


class OurTouch(NamedTuple):
    """An attempt of ours that is not proved unsent."""

    contact_id: int
    channel: str
    day: date
    """Where the borrower is."""
    reached: bool
    touch: Touch
    """As rules of law see it."""


class OptedOut(NamedTuple):
    channel: str | None
    """None: every channel of ours."""
    scope: str

    def covers(self, way: str) -> bool:
        """`way` is a channel, or the word for what a person does. Who wants no calls wants none by anybody."""
        if self.channel is None:
            return way in _MEDIA or self.scope == Scope.EVERYTHING
        return self.channel == _SAME_AS.get(way, way)


class TheirTouch(NamedTuple):
    """One that no worker of ours made."""

    day: date
    """Where the borrower is."""
    touch: Touch


class Past(NamedTuple):
    """What one contact's facts hold of the past."""

    touches: tuple[Touch, ...] = ()
    stops: tuple[Stop, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    """Of this very contact."""
    touches_today: int = 0
    """Attempts of ours on the contact's channel, where the borrower is."""
    opted_out: bool = False
    """Of this channel, or of every one."""
    reached_today: bool = False
    """By anybody, on any channel."""


_NOTHING = Past()


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Of each borrower of a batch."""

    ours: dict[int, list[OurTouch]] = field(default_factory=lambda: defaultdict(list))
    others: dict[int, list[TheirTouch]] = field(default_factory=lambda: defaultdict(list))
    opt_outs: dict[int, list[OptedOut]] = field(default_factory=lambda: defaultdict(list))
    stops: dict[int, list[Stop]] = field(default_factory=lambda: defaultdict(list))
    evidence: dict[int, list[Evidence]] = field(default_factory=lambda: defaultdict(list))
    allowances: dict[int, list[Allowance]] = field(default_factory=lambda: defaultdict(list))
    """By contact."""

    def of(self, borrower_id: int, *, but: int | None, channel: str, day: date) -> Past:
        """A borrower's, one contact excepted; `channel` and `day` are those whose touches count as today's."""
        others = self.others.get(borrower_id, ())
        opt_outs = self.opt_outs.get(borrower_id, ())
        stops, evidence = self.stops.get(borrower_id, ()), self.evidence.get(borrower_id, ())
        ours = [one for one in self.ours.get(borrower_id, ()) if one.contact_id != but]
        allowances = self.allowances.get(but, ()) if but else ()
        if not (ours or others or stops or evidence or allowances):
            return _NOTHING
        today = [one for one in ours if one.day == day]
        return Past(
            touches=(*[one.touch for one in ours], *[other.touch for other in others]),
            stops=tuple(stops),
            evidence=tuple(evidence),
            allowances=tuple(allowances),
            touches_today=sum(one.channel == channel for one in today),
            opted_out=any(opt_out.covers(channel) for opt_out in opt_outs),
            reached_today=any(one.reached for one in today)
            or any(other.day == day and other.touch.outcome in MET for other in others),
        )


class Asked(NamedTuple):
    """Statements that are on their way: their answers are fetched when all of a batch's have been sent."""

    touches: "AsyncCursor[TupleRow]"
    records: "AsyncCursor[TupleRow]"


async def ask_history(conn: "Connection", borrowers: Ids, times: Times, *, days: int) -> Asked:
    """Ask for the past of borrowers, as far back as `days` before today in any zone."""
    span = span_of(borrowers, times, days=days)
    return Asked(await conn.execute(_TOUCHES, span), await conn.execute(_RECORDS, span))


def span_of(borrowers: Ids, times: Times, *, days: int) -> dict[str, object]:
    """What the statements are asked with."""
    since = times.business - timedelta(days=days + 1)
    return {
        "borrowers": borrowers,
        "now": times.business,
        "since": since.date(),
        "oldest": (since - REACH).date(),
        "newest": (times.business + REACH).date(),
    }


async def told_history(asked: Asked) -> History:
    """What was asked for."""
    found = History()
    for row in await asked.touches.fetchall():
        found.ours[row[0]].append(_attempt(row))
    for borrower_id, kind, record in await asked.records.fetchall():
        _READ[kind](found, borrower_id, record)
    return found


def _attempt(row: Sequence[Any]) -> OurTouch:
    _, contact_id, channel, day, state, at, number, loan_ids, cadence = row
    medium, outcome, reached = _way(channel, state)
    touch = Touch(
        when=at,
        medium=medium,
        outcome=outcome,
        number=number,
        debts=tuple(loan_ids or ()),
        purpose=Purpose.CONFIRM_STOP if cadence == CONFIRMING else None,
    )
    return OurTouch(contact_id, channel, day, reached, touch)


@lru_cache
def _way(channel: str, state: str) -> tuple[Medium, TouchOutcome, bool]:
    """By what it was made, what came of it, and whether it reached somebody."""
    reached = state in _REACHED
    if channel == "voice":
        return Medium.IVR, _SPOKEN.get(state, TouchOutcome.UNKNOWN), reached
    return _MEDIA[channel], TouchOutcome.UNDELIVERED if state == "undelivered" else TouchOutcome.DELIVERED, reached


def _encounter(found: History, borrower_id: int, record: list[Any]) -> None:
    day, at, medium, outcome, direction, agent, number, loan_id, purpose, requested, consented = record
    touch = Touch(
        when=datetime.fromisoformat(at),
        medium=Medium(medium),
        # A reserved one may become anything.
        outcome=TouchOutcome(outcome) if outcome else TouchOutcome.UNKNOWN,
        direction=Direction(direction),
        agent=AgentKind(agent),
        number=number,
        debts=() if loan_id is None else (loan_id,),
        purpose=Purpose(purpose) if purpose else None,
        requested=requested,
        consented=consented,
    )
    found.others[borrower_id].append(TheirTouch(date.fromisoformat(day), touch))


def _stop(found: History, borrower_id: int, record: list[Any]) -> None:
    kind, happened_at, until, channels, purposes, loan_id, evidence = record
    found.stops[borrower_id].append(
        Stop(
            event=StopEvent(kind),
            when=datetime.fromisoformat(happened_at),
            until=_time(until),
            channels=frozenset(map(Medium, channels)),
            purposes=frozenset(map(Purpose, purposes)),
            debts=() if loan_id is None else (loan_id,),
            evidence=evidence,
        )
    )


def _opt_out(found: History, borrower_id: int, record: list[Any]) -> None:
    channel, scope, at = record
    found.opt_outs[borrower_id].append(OptedOut(channel, scope))
    event = StopEvent.CEASE_WRITTEN if scope == Scope.EVERYTHING else StopEvent.MEDIUM_OPT_OUT
    media = frozenset({_MEDIA[channel]}) if channel else frozenset(_MEDIA.values())
    found.stops[borrower_id].append(Stop(event=event, when=datetime.fromisoformat(at), channels=media))


def _agreement(found: History, borrower_id: int, record: list[Any]) -> None:
    kind, evidence, given_at, expires_at, rules, channels, purposes, hours = record
    found.evidence[borrower_id].append(
        Evidence(
            id=evidence,
            kind=Override(kind),
            given_at=datetime.fromisoformat(given_at),
            expires_at=_time(expires_at),
            rules=frozenset(rules),
            channels=frozenset(map(Medium, channels)),
            purposes=frozenset(map(Purpose, purposes)),
            hours=read_hours(hours),
        )
    )


def _review(found: History, _: int, record: list[Any]) -> None:
    contact_id, review_id, lifts = record
    found.allowances[contact_id].append(Allowance(id=f"{REVIEWED}:{review_id}", rules=frozenset(lifts)))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_READ = {"encounter": _encounter, "opt-out": _opt_out, "stop": _stop, "agreement": _agreement, "review": _review}
