"""The claim: lock the borrowers in id order, read the facts, and write the one durable permission per call."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from duecourse.domain.book import ContactPoint, DueItem
from duecourse.domain.clock import Times
from duecourse.domain.contact import ContactState, due_range
from duecourse.domain.errors import SealBroken
from duecourse.domain.money import Money
from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule
from duecourse.domain.zones import find_zone
from duecourse.ledger.crypto import DataKey, Vault, address_place, body_place, name_place
from duecourse.ledger.releasing import REACH
from duecourse.ledger.statements import statement
from duecourse.policy.facts import ContactFacts
from duecourse.ports import Armed, Claimable, Held, Postponed

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_LOCK = """
SELECT b.borrower_id FROM borrowers b
WHERE b.borrower_id IN (
    SELECT c.borrower_id FROM contacts c
    WHERE c.due_on >= %(first)s AND c.due_on < %(last)s AND c.contact_id = ANY (%(ids)s)
      AND (c.state = 'released' OR (c.state = 'unknown' AND c.resolve_after <= %(lease)s)))
ORDER BY b.borrower_id
FOR NO KEY UPDATE
"""

#: One document for all rows: psycopg quotes arrays element by element, which cost more than the statement.
_ARM = """
WITH armed AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (
        contact_id bigint, due_on date, number smallint, fence integer, kind text, borrower_id bigint, channel text,
        provider text, reference text, idempotency_key text, body_hash text, body_sealed text, local_day date)
), taken AS (
    UPDATE contacts c
    SET state = CASE c.state WHEN 'released' THEN 'sending' ELSE c.state END,
        state_at = %(now)s, attempts = u.number, fence = u.fence, owner = %(owner)s, lease_until = %(lease_until)s,
        resolve_after = CASE c.state WHEN 'unknown' THEN %(lease_until)s END, reason = NULL
    FROM armed u
    -- Named twice: joined alone, a partition without statistics is read from end to end.
    WHERE c.contact_id = u.contact_id AND c.contact_id = ANY (%(ids)s)
      AND c.due_on >= %(first)s AND c.due_on < %(last)s
)
INSERT INTO attempts (contact_id, due_on, number, kind, borrower_id, channel, provider, fence, owner, reference,
                      idempotency_key, body_hash, body_sealed, armed_business, armed_at, local_day, counted)
SELECT contact_id, due_on, number, kind, borrower_id, channel, provider, fence, %(owner)s, reference, idempotency_key,
       decode(body_hash, 'hex'), decode(body_sealed, 'base64'), %(now)s, %(lease)s, local_day, kind = 'send'
FROM armed
"""

_POSTPONE = """
UPDATE contacts c SET resolve_after = u.after
FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(after)s::timestamptz[]) AS u (contact_id, due_on, after)
WHERE c.due_on = u.due_on AND c.contact_id = u.contact_id AND c.state = 'unknown'
"""

_TOUCHES = """
SELECT a.borrower_id, a.contact_id, a.channel, a.local_day, c.state
FROM attempts a
JOIN contacts c ON c.due_on = a.due_on AND c.contact_id = a.contact_id
WHERE a.borrower_id = ANY (%(borrowers)s) AND a.counted AND a.kind = 'send' AND a.local_day >= %(since)s
  AND a.due_on BETWEEN %(oldest)s AND %(newest)s AND c.due_on BETWEEN %(oldest)s AND %(newest)s
"""

#: A touch that reached somebody, as far as anybody knows.
_REACHED = frozenset({"sending", "unknown", "accepted", "delivered", "assumed_sent"})


class _Touch(NamedTuple):
    contact_id: int
    channel: str
    day: date
    state: str


class _Opened(NamedTuple):
    """What was sealed of a contact."""

    name: str
    point: ContactPoint | None
    held: Held | None


class ClaimRows:
    """Valid inside the transaction that made it: the data keys it opened are kept until `arm` seals with them."""

    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault
        self._keys: dict[int, tuple[int, DataKey]] = {}

    async def claim(self, contact_ids: Sequence[int], *, times: Times) -> list[Claimable]:
        """Lock and read those of the contacts that are still to be sent or resolved, in id order."""
        first, last = due_range(contact_ids)
        await self._conn.execute(_LOCK, {"first": first, "last": last, "ids": list(contact_ids), "lease": times.lease})
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                statement("claim"),
                {"first": first, "last": last, "ids": list(contact_ids), "now": times.business, "lease": times.lease},
            )
            rows = await cursor.fetchall()
        touches = await self._touches({row["borrower_id"] for row in rows}, times)
        return [self._claimable(row, touches[row["borrower_id"]], times.business) for row in rows]

    async def _touches(self, borrower_ids: set[int], times: Times) -> Mapping[int, list[_Touch]]:
        """What may have reached each borrower since yesterday: which of it was today is the borrower's arithmetic."""
        found: dict[int, list[_Touch]] = defaultdict(list)
        span = {
            "borrowers": list(borrower_ids),
            "since": (times.business - timedelta(days=1)).date(),
            "oldest": (times.business - REACH).date(),
            "newest": (times.business + REACH).date(),
        }
        cursor = await self._conn.execute(_TOUCHES, span)
        for borrower_id, contact_id, channel, day, state in await cursor.fetchall():
            found[borrower_id].append(_Touch(contact_id, channel, day, state))
        return found

    async def arm(self, attempts: Sequence[Armed], *, times: Times, owner: int, lease: timedelta) -> None:
        """Write the attempts and mark their contacts as sending, under a lease."""
        if not attempts:
            return
        ids = [armed.contact.contact_id for armed in attempts]
        first, last = due_range(ids)
        await self._conn.execute(
            _ARM,
            {
                "rows": Jsonb([self._row(armed) for armed in attempts]),
                "ids": ids,
                "first": first,
                "last": last,
                "owner": owner,
                "now": times.business,
                "lease": times.lease,
                "lease_until": times.lease + lease,
            },
        )

    async def postpone(self, postponed: Sequence[Postponed], *, times: Times) -> None:
        """Say when unknown contacts may be asked about again."""
        if not postponed:
            return
        await self._conn.execute(
            _POSTPONE,
            {
                "ids": [p.contact.contact_id for p in postponed],
                "due": [p.contact.due_on for p in postponed],
                "after": [p.wait_s and times.lease + timedelta(seconds=p.wait_s) for p in postponed],
            },
        )

    def _row(self, armed: Armed) -> dict[str, object]:
        data_key_id, key = self._keys[armed.contact.borrower_id]
        sealed = self._vault.seal_bytes(key, body_place(data_key_id, armed.reference), armed.letter)
        return {
            "contact_id": armed.contact.contact_id,
            "due_on": armed.contact.due_on.isoformat(),
            "number": armed.number,
            "fence": armed.fence,
            "kind": armed.kind,
            "borrower_id": armed.contact.borrower_id,
            "channel": armed.contact.channel,
            "provider": armed.provider,
            "reference": armed.reference,
            "idempotency_key": armed.idempotency_key,
            "body_hash": hashlib.sha256(armed.letter).hexdigest(),
            "body_sealed": base64.b64encode(sealed).decode(),
            "local_day": armed.contact.local_day.isoformat(),
        }

    def _claimable(self, row: Mapping[str, Any], touches: Sequence[_Touch], now: datetime) -> Claimable:
        channel = ChannelKind(row["channel"])
        opened = self._open(row, channel)
        items = tuple(_items(row))
        local_day = _local_day(row["time_zone"], now)
        return Claimable(
            contact_id=row["contact_id"],
            due_on=row["due_on"],
            borrower_id=row["borrower_id"],
            channel=channel,
            state=ContactState(row["state"]),
            template=row["template"],
            locale=row["locale"],
            name=opened.name if opened else "",
            point=opened.point if opened else None,
            items=items,
            facts=_facts(row, [t for t in touches if t.day == local_day], items),
            attempts=row["attempts"],
            failures=row["failures"],
            fence=row["fence"],
            not_after=row["not_after"],
            local_day=local_day or now.astimezone(UTC).date(),
            held=opened.held if opened else None,
            readable=opened is not None,
        )

    def _open(self, row: Mapping[str, Any], channel: ChannelKind) -> "_Opened | None":
        """None where a seal stays shut: the neighbours in the batch must not wait for it."""
        try:
            key = self._vault.open_key(row["wrapped"], row["master_version"])
            self._keys[row["borrower_id"]] = (row["data_key_id"], key)
            name = self._vault.open(key, name_place(row["data_key_id"]), row["name_sealed"])
            return _Opened(name, self._point(row, channel, key), self._held(row, key))
        except SealBroken:
            return None

    def _point(self, row: Mapping[str, Any], channel: ChannelKind, key: DataKey) -> ContactPoint | None:
        if row["contact_point_id"] is None:
            return None
        place = address_place(row["data_key_id"], channel.value, row["address_index"])
        return ContactPoint(
            contact_point_id=row["contact_point_id"],
            channel=channel,
            address=self._vault.open(key, place, row["address_sealed"]),
            consent=Consent(row["consent"]),
            valid=row["address_valid"],
            index=row["address_index"],
        )

    def _held(self, row: Mapping[str, Any], key: DataKey) -> Held | None:
        if row["reference"] is None:
            return None
        place = body_place(row["data_key_id"], row["reference"])
        return Held(
            provider=row["provider"],
            number=row["last_number"],
            reference=row["reference"],
            idempotency_key=row["idempotency_key"],
            letter=self._vault.open_bytes(key, place, row["body_sealed"]),
            armed_at=row["armed_at"],
            negatives=row["negatives"],
        )


def _items(row: Mapping[str, Any]) -> Iterable[DueItem]:
    for item in row["items"]:
        yield DueItem(
            instalment_id=item["instalment_id"],
            loan_id=item["loan_id"],
            loan_reference=item["loan"],
            due_on=row["due_on"],
            number=item["number"],
            outstanding=Money(minor=item["minor"], currency=item["currency"]),
            autopay=item["autopay"],
        )


def _facts(row: Mapping[str, Any], today: Sequence[_Touch], items: tuple[DueItem, ...]) -> ContactFacts:
    others = [touch for touch in today if touch.contact_id != row["contact_id"]]
    return ContactFacts(
        contact_id=row["contact_id"],
        borrower_id=row["borrower_id"],
        channel=ChannelKind(row["channel"]),
        not_after=row["not_after"],
        time_zone=row["time_zone"],
        consent=Consent(row["consent"]) if row["consent"] else None,
        address_valid=bool(row["address_valid"]),
        open_items=len(items),
        autopay=bool(items) and all(item.autopay for item in items),
        holds=_covering(row["holds"], items),
        opted_out=row["opted_out"],
        touches_today=sum(touch.channel == row["channel"] for touch in others),
        reached_today=any(touch.state in _REACHED for touch in others),
        stop=frozenset(StopRule(rule) for rule in row["stop"]),
    )


def _covering(holds: Sequence[Mapping[str, int | None]], items: tuple[DueItem, ...]) -> tuple[int, ...]:
    """The holds that silence the contact: on the borrower, or together on every loan that is due."""
    whole = [h["hold_id"] for h in holds if h["loan_id"] is None]
    held_loans = {h["loan_id"] for h in holds}
    if not whole and items and all(item.loan_id in held_loans for item in items):
        whole = [h["hold_id"] for h in holds]
    return tuple(hold for hold in whole if hold is not None)


def _local_day(time_zone: str | None, now: datetime) -> date | None:
    zone = find_zone(time_zone)
    return now.astimezone(zone).date() if zone else None
