"""Asking the gate about what no worker does: a person's call, a visit. A yes is a reservation that counts at once."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from duecourse.domain.book import DueItem
from duecourse.domain.clock import Times
from duecourse.domain.event import Event
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind, Consent, Decision
from duecourse.ledger.crypto import Vault
from duecourse.ledger.debtors import Debtor, find_loan, index_of, lock_debtor
from duecourse.ledger.encounters import EncounterRows
from duecourse.ledger.events import EventRows
from duecourse.ledger.facts import read_surroundings
from duecourse.ledger.statements import Ids
from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import Evidence
from duecourse.policy.packs.vocabulary import Medium, NoticeBefore, Override
from duecourse.policy.terms import Terms
from duecourse.ports.evidence import Answer, Question

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: A verdict that defers names the first instant that is allowed, if it is in this time.
_LOOKS_AHEAD = timedelta(days=14)
#: What is due so far ahead may be spoken of.
_DUE_WITHIN = timedelta(days=62)
_LONG_AGO = date(1900, 1, 1)

#: Which contact points a way of reaching somebody can use, the best first. Whoever comes in person needs none.
_POINTS_OF: dict[Medium, tuple[str, ...]] = {
    Medium.CALL: ("voice", "sms"),
    Medium.VOICEMAIL: ("voice", "sms"),
    Medium.IVR: ("voice",),
    Medium.SMS: ("sms",),
    Medium.PUSH: ("push",),
    Medium.EMAIL: ("email",),
    Medium.IM: ("im",),
}

_ASKED = """
SELECT b.borrower_id, b.country, b.region, b.place_country, b.place_region, b.time_zone,
       nullif(b.zone_evidence, '{}')::text AS zone_evidence,
       oldest.due_on AS oldest_unmet, p.channel AS point_channel,
       p.address_index, p.consent, p.country AS carrier_country, p.employer, p.verified_at,
       b.employer_forbids, b.underage, CASE WHEN p.employer THEN EXISTS (
           SELECT FROM encounters e
           WHERE e.borrower_id = b.borrower_id AND e.address_index = p.address_index AND e.direction = 'inbound'
             AND e.state = 'recorded') END AS employer_used,
       p.invalid_since IS NULL AS address_valid
FROM borrowers b
LEFT JOIN LATERAL (
    SELECT cp.* FROM contact_points cp
    WHERE cp.borrower_id = b.borrower_id AND cp.channel = ANY (%(channels)s)
      AND (%(indexes)s::bytea[] IS NULL OR cp.address_index = ANY (%(indexes)s))
    ORDER BY cp.invalid_since IS NULL DESC, cp.consent = 'granted' DESC, array_position(%(channels)s, cp.channel),
             cp.preference, cp.contact_point_id
    LIMIT 1
) p ON true
LEFT JOIN LATERAL (
    SELECT i.due_on FROM instalments i JOIN loans l USING (loan_id)
    WHERE i.borrower_id = b.borrower_id AND i.outstanding_minor > 0 AND l.status = 'active'
    ORDER BY i.due_on LIMIT 1
) oldest ON true
WHERE b.borrower_id = %(borrower)s
"""


class QuestionRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault
        self._encounters = EncounterRows(conn, vault)

    async def ask(
        self, question: Question, judge: Callable[[ContactFacts], Verdict], *, times: Times, terms: Terms, actor: str
    ) -> Answer:
        """Read the facts, have them judged, and reserve what is allowed: all under the borrower's lock.

        Raises:
            InputError: no such borrower or loan, an address that can be none, or a reference that was used before.
        """
        debtor = await lock_debtor(self._conn, question.borrower)
        known = await self._encounters.reservation(question, debtor)
        if known:
            return Answer(
                reference=question.reference, verdict=known.verdict, reserved=True, repeated=True, at=known.at
            )
        verdict = judge(await self._facts(question, debtor, times, terms))
        allowed = verdict.decision is Decision.ALLOW
        if allowed:
            await self._encounters.reserve(question, debtor, verdict, times=times, actor=actor)
        else:
            data = {"reference": question.reference, "medium": question.medium.value, "verdict": verdict.as_json()}
            refused = Event(kind="encounter.refused", borrower_id=debtor.borrower_id, data=data)
            await EventRows(self._conn).append(times, actor, [refused])
        at = question.at or times.business
        return Answer(reference=question.reference, verdict=verdict.as_json(), reserved=allowed, at=at)

    async def facts(self, question: Question, *, times: Times, terms: Terms) -> ContactFacts:
        """What the gate would be told, under the borrower's lock. Nothing is reserved or written.

        Raises:
            InputError: no such borrower or loan, or an address that can be none.
        """
        return await self._facts(question, await lock_debtor(self._conn, question.borrower), times, terms)

    async def _facts(self, question: Question, debtor: Debtor, times: Times, terms: Terms) -> ContactFacts:
        at = question.at or times.business
        # What is in force then: a hold that begins before it counts, one that ends before it does not.
        then = Times(business=at, lease=times.lease)
        loan_id = await find_loan(self._conn, question.loan, debtor.borrower_id)
        due = (_LONG_AGO, (at + _DUE_WITHIN).date())
        around = await read_surroundings(self._conn, Ids([debtor.borrower_id]), due, times=then, terms=terms)
        every = [item for due_that_day in around.items.values() for item in due_that_day]
        row = await self._row(question, debtor)
        row |= {"due_on": row["oldest_unmet"] or at.date(), "not_after": at + _LOOKS_AHEAD}
        facts = around.facts(row, _about(every, loan_id), debtor.local_day(at))
        return replace(
            facts,
            purpose=question.purpose,
            number=self._number(question, debtor, row),
            identity_verified=question.identity_verified,
            staff=question.staff,
            at_workplace=facts.at_workplace or question.at_work,
            visit_announced_at=question.announced_at,
            notices=facts.notices | _announced(question, at),
            evidence=(*facts.evidence, *_request(question, at)),
        )

    async def _row(self, question: Question, debtor: Debtor) -> dict[str, Any]:
        """What a claim's statement says of a contact, for one that is not planned."""
        points = _POINTS_OF.get(question.medium, ())
        wanted = {
            "borrower": debtor.borrower_id,
            "channels": list(points),
            "indexes": self._indexes(question, debtor, points) if question.address else None,
        }
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_ASKED, wanted)
            row: dict[str, Any] = await cursor.fetchone() or {}
        row |= {"contact_id": 0, "channel": question.medium.value, "cadence": None, "stop": []}
        if not points:
            row |= {"consent": Consent.GRANTED, "address_valid": True}
        return row

    def _indexes(self, question: Question, debtor: Debtor, points: tuple[str, ...]) -> list[bytes | None]:
        """What the address is called in each channel that the borrower may have given it for."""
        media = [Medium.SMS if point == ChannelKind.SMS else question.medium for point in points]
        return [index_of(self._vault, medium, question.address, debtor) for medium in media]

    def _number(self, question: Question, debtor: Debtor, row: dict[str, Any]) -> str | None:
        """As other calls to it are counted; None, which counts for all, where the number on file is no call's."""
        if question.address:
            index = index_of(self._vault, question.medium, question.address, debtor)
        else:
            index = row["address_index"] if row["point_channel"] == ChannelKind.VOICE else None
        return index.hex() if index else None


def _about(items: Iterable[DueItem], loan_id: int | None) -> tuple[DueItem, ...]:
    return tuple(item for item in items if loan_id in {None, item.loan_id})


def _announced(question: Question, at: datetime) -> frozenset[NoticeBefore]:
    told = question.announced_at is not None and question.announced_at <= at
    return frozenset({NoticeBefore.VISIT} if told else ())


def _request(question: Question, at: datetime) -> tuple[Evidence, ...]:
    """Whoever asks says that the borrower wanted this: their word is kept with the reservation."""
    if not question.requested:
        return ()
    return (Evidence(id=f"request:{question.reference}", kind=Override.CONSUMER_INITIATED, given_at=at),)
