"""Demands and their proof: what was said, from where, when, how it was understood, what a person made of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from duecourse.domain.clock import Times
from duecourse.domain.demand import (
    CONFIRMATION,
    CONFIRMING,
    Answer,
    Demand,
    Intent,
    NewDemand,
    OpenDemand,
    Scope,
)
from duecourse.domain.errors import SealBroken
from duecourse.domain.event import Event
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.crypto import Vault
from duecourse.ledger.events import EventRows
from duecourse.ledger.matches import address_index

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_RUNG = "confirmation"
#: Why a hold of ours stands.
HOLD_REASON = "unsure-opt-out"
_SHOWN_DIGITS = 16

_LOCALES = "SELECT borrower_id, locale FROM borrowers WHERE borrower_id = ANY (%s)"
_KEY = """
SELECT b.data_key_id, k.wrapped, k.master_version FROM borrowers b JOIN data_keys k USING (data_key_id)
WHERE b.borrower_id = %s
"""
_RECORD = """
INSERT INTO demands (borrower_id, intent, scope, sure, rule, channel, source, event_key, inbox_id, address_index,
                     text_sealed, text_digest, said_at, at, recorded_at, hold_id)
VALUES (%(borrower)s, %(intent)s, %(scope)s, %(sure)s, %(rule)s, %(channel)s, %(source)s, %(event_key)s, %(inbox)s,
        %(index)s, %(sealed)s, %(digest)s, %(said)s, %(now)s, %(lease)s, %(hold)s)
RETURNING demand_id
"""
_HELD = """
SELECT hold_id FROM holds
WHERE borrower_id = %s AND channel = %s AND reason = %s AND released_at IS NULL ORDER BY hold_id LIMIT 1
"""
_HOLD = """
INSERT INTO holds (borrower_id, channel, reason, starts_at, placed_by) VALUES (%s, %s, %s, %s, %s) RETURNING hold_id
"""
_LAST_SAID = """
SELECT max(said_at) FROM demands
WHERE borrower_id = %s AND intent = %s AND (channel = %s OR scope IN ('sender', 'everything'))
  AND (sure OR answer = 'meant')
"""
_OPEN = """
SELECT d.demand_id, d.borrower_id, d.intent, d.scope, d.channel, d.source, d.rule, d.address_index, d.hold_id
FROM demands d JOIN borrowers b USING (borrower_id)
WHERE d.demand_id = %s AND NOT d.sure AND d.answer IS NULL
FOR NO KEY UPDATE OF b, d
"""
_ANSWER = "UPDATE demands SET answer = %s, answered_by = %s, answered_at = %s WHERE demand_id = %s"
#: A hold serves all questions of its channel: the last answer ends it.
_RELEASE = """
UPDATE holds SET released_at = %(now)s, released_by = %(actor)s
WHERE hold_id = %(hold)s AND released_at IS NULL
  AND NOT EXISTS (SELECT FROM demands WHERE hold_id = %(hold)s AND NOT sure AND answer IS NULL)
"""
_LIST = """
SELECT d.*, b.external_id AS borrower, b.data_key_id, k.wrapped, k.master_version
FROM demands d JOIN borrowers b USING (borrower_id) LEFT JOIN data_keys k USING (data_key_id)
WHERE (%(borrower)s::text IS NULL OR b.external_id = %(borrower)s)
  AND (NOT %(unanswered)s OR (NOT d.sure AND d.answer IS NULL))
ORDER BY d.demand_id LIMIT %(limit)s
"""
#: Once per borrower and day, however often and in whatever words it was asked.
_CONFIRM = """
WITH planted AS (
    INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, audience, template, stop,
                          priority, scheduled_at, not_before, not_after, planned_at, state_at)
    SELECT contact_month_base(%(day)s::date) + nextval('contact_numbers'), %(day)s, %(borrower)s, %(cadence)s, 1,
           %(rung)s, %(channel)s, 'standard', %(template)s, '{}', 0, %(now)s, %(now)s, %(not_after)s, %(now)s, %(now)s
    ON CONFLICT DO NOTHING
    RETURNING contact_id, borrower_id, due_on, rung, channel, audience
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.planned', %(actor)s, contact_id, borrower_id,
           jsonb_build_object('rung', rung, 'channel', channel, 'audience', audience, 'due_on', due_on)
    FROM planted
)
SELECT contact_id FROM planted
"""


class DemandRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault
        self._events = EventRows(conn)

    async def locales(self, borrower_ids: Sequence[int]) -> dict[int, str]:
        """Their languages, as the lender's book has them."""
        cursor = await self._conn.execute(_LOCALES, (list(borrower_ids),))
        return {row[0]: row[1] for row in await cursor.fetchall()}

    async def record(self, demand: NewDemand, *, times: Times, actor: str) -> int:
        """Keep it with its proof, whether or not it changes anything, and return its id."""
        meaning = demand.meaning
        sealed, digest = await self._sealed(demand)
        values = {
            "borrower": demand.borrower_id,
            "intent": meaning.intent,
            "scope": meaning.scope,
            "sure": meaning.sure,
            "rule": meaning.rule,
            "channel": demand.channel,
            "source": demand.source,
            "event_key": demand.event_key,
            "inbox": demand.inbox_id,
            "index": address_index(self._vault, demand.channel, demand.address) if demand.address else None,
            "sealed": sealed,
            "digest": digest,
            "said": demand.said_at,
            "now": times.business,
            "lease": times.lease,
            "hold": demand.hold_id,
        }
        (demand_id,) = await (await self._conn.execute(_RECORD, values)).fetchone() or (0,)
        data = {key: values[key] for key in ("intent", "scope", "sure", "rule", "channel", "source", "inbox")}
        told = Event(kind="demand.recorded", borrower_id=demand.borrower_id, data={"demand_id": demand_id} | data)
        await self._events.append(times, actor, [told])
        return int(demand_id)

    async def _sealed(self, demand: NewDemand) -> tuple[bytes | None, bytes | None]:
        """The words under the borrower's own key; None for none, and where that key was destroyed."""
        row = await (await self._conn.execute(_KEY, (demand.borrower_id,))).fetchone() if demand.text else None
        if not demand.text or row is None:
            return None, None
        key_id, wrapped, version = row
        digest = self._vault.index("demand", demand.text)
        key = self._vault.open_key(wrapped, version)
        return self._vault.seal(key, demand_place(key_id, digest), demand.text), digest

    async def hold(self, borrower_id: int, channel: ChannelKind, *, times: Times, actor: str) -> int:
        """Silence the channel until a person has answered; the id of the hold, which may be there already."""
        row = await (await self._conn.execute(_HELD, (borrower_id, channel, HOLD_REASON))).fetchone()
        if row is not None:
            return int(row[0])
        cursor = await self._conn.execute(_HOLD, (borrower_id, channel, HOLD_REASON, times.business, actor))
        (hold_id,) = await cursor.fetchone() or (0,)
        data = {"hold_id": hold_id, "channel": channel.value}
        await self._events.append(times, actor, [Event(kind="hold.placed", borrower_id=borrower_id, data=data)])
        return int(hold_id)

    async def last_said(self, borrower_id: int, intent: Intent, channel: ChannelKind) -> datetime | None:
        """When this was last surely said of the channel; None where it never was."""
        row = await (await self._conn.execute(_LAST_SAID, (borrower_id, intent, channel))).fetchone()
        return row[0] if row else None

    async def open(self, demand_id: int) -> OpenDemand | None:
        """Lock a demand that waits for its answer, and its borrower; None where none of this id does."""
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_OPEN, (demand_id,))
            row = await cursor.fetchone()
        if row is None:
            return None
        words = {"intent": Intent(row["intent"]), "scope": Scope(row["scope"]), "channel": ChannelKind(row["channel"])}
        return OpenDemand(**row | words)

    async def answer(self, demand: OpenDemand, answer: Answer, *, times: Times, actor: str) -> None:
        """Write down what was meant; the hold ends with the last question that it stands for."""
        now = times.business
        await self._conn.execute(_ANSWER, (answer, actor, now, demand.demand_id))
        data: dict[str, Any] = {"demand_id": demand.demand_id, "answer": answer.value}
        events = [Event(kind="demand.answered", borrower_id=demand.borrower_id, data=data)]
        cursor = await self._conn.execute(_RELEASE, {"hold": demand.hold_id, "now": now, "actor": actor})
        if cursor.rowcount:
            data = {"hold_id": demand.hold_id}
            events.append(Event(kind="hold.released", borrower_id=demand.borrower_id, data=data))
        await self._events.append(times, actor, events)

    async def listed(self, borrower: str | None, *, unanswered: bool, limit: int, reveal: bool) -> list[Demand]:
        """Oldest first. With `reveal` their words are opened: the caller records that they were looked at."""
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_LIST, {"borrower": borrower, "unanswered": unanswered, "limit": limit})
            return [self._demand(row, reveal=reveal) for row in await cursor.fetchall()]

    def _demand(self, row: Mapping[str, Any], *, reveal: bool) -> Demand:
        return Demand(
            demand_id=row["demand_id"],
            borrower=row["borrower"],
            intent=Intent(row["intent"]),
            scope=Scope(row["scope"]),
            sure=row["sure"],
            rule=row["rule"],
            channel=ChannelKind(row["channel"]),
            source=row["source"],
            said_at=row["said_at"],
            recorded_at=row["recorded_at"],
            contact_point=row["address_index"].hex()[:_SHOWN_DIGITS] if row["address_index"] else None,
            digest=row["text_digest"].hex() if row["text_digest"] else None,
            text=self._words(row) if reveal else None,
            hold_id=row["hold_id"],
            answer=Answer(row["answer"]) if row["answer"] else None,
            answered_by=row["answered_by"],
            answered_at=row["answered_at"],
        )

    def _words(self, row: Mapping[str, Any]) -> str | None:
        if row["text_sealed"] is None or row["wrapped"] is None:
            return None
        try:
            key = self._vault.open_key(row["wrapped"], row["master_version"])
            return self._vault.open(key, demand_place(row["data_key_id"], row["text_digest"]), row["text_sealed"])
        except SealBroken:
            return None

    async def confirm(
        self, borrower_id: int, channel: ChannelKind, *, not_after: datetime, times: Times, actor: str
    ) -> int | None:
        """Plan the one confirmation; None where this borrower's was planned today already."""
        values = {
            "day": times.business.date(),
            "borrower": borrower_id,
            "cadence": CONFIRMING,
            "rung": _RUNG,
            "channel": channel,
            "template": CONFIRMATION,
            "not_after": not_after,
            "now": times.business,
            "lease": times.lease,
            "actor": actor,
        }
        row = await (await self._conn.execute(_CONFIRM, values)).fetchone()
        return int(row[0]) if row else None


def demand_place(data_key_id: int, digest: bytes) -> str:
    """Where a demand's words are sealed."""
    return f"demands|text|{data_key_id}|{digest.hex()}"
