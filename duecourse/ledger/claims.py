"""The claim: lock the borrowers in id order, read the facts, and write the one durable permission per call."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row

from duecourse.domain.book import ContactPoint
from duecourse.domain.clock import Times
from duecourse.domain.contact import ContactState, due_range
from duecourse.domain.errors import SealBroken
from duecourse.domain.vocabulary import ChannelKind, Consent
from duecourse.ledger.crypto import DataKey, Vault, address_place, body_place, name_place
from duecourse.ledger.facts import Surroundings, local_day_of, read_surroundings
from duecourse.ledger.statements import WITHOUT_NESTED_LOOPS, Blobs, Column, Ids, Texts, columns, statement
from duecourse.ledger.trials import QUARANTINE_FROM, SUSPECT_FROM
from duecourse.policy.terms import Terms
from duecourse.ports import Armed, Claimable, Held, Postponed

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: By id alone first, for the same reason as in claim.sql.
_LOCK = """
WITH c AS MATERIALIZED (
    SELECT borrower_id, state, resolve_after FROM contacts
    WHERE due_on >= %(first)s AND due_on < %(last)s AND contact_id = ANY (%(ids)s)
)
SELECT borrower_id FROM borrowers
WHERE borrower_id = ANY (ARRAY(
    SELECT borrower_id FROM c WHERE state = 'released' OR (state = 'unknown' AND resolve_after <= %(lease)s)))
ORDER BY borrower_id
FOR NO KEY UPDATE
"""

_ARM = """
WITH armed AS MATERIALIZED (
    SELECT contact_id, due_on::date, number::smallint, fence::integer, kind, borrower_id, channel, provider, reference,
           idempotency_key, body_hash, body_sealed, local_day::date, address_index, loan_ids::bigint[]
    FROM unnest(%(contact_id)s, %(due_on)s, %(number)s, %(fence)s, %(kind)s, %(borrower_id)s, %(channel)s, %(provider)s,
                %(reference)s, %(idempotency_key)s, %(body_hash)s, %(body_sealed)s, %(local_day)s, %(address_index)s,
                %(loan_ids)s)
        AS r (contact_id, due_on, number, fence, kind, borrower_id, channel, provider, reference, idempotency_key,
              body_hash, body_sealed, local_day, address_index, loan_ids)
), taken AS (
    UPDATE contacts c
    SET state = CASE c.state WHEN 'released' THEN 'sending' ELSE c.state END,
        state_at = %(now)s, attempts = u.number, fence = u.fence, owner = %(owner)s, lease_until = %(lease_until)s,
        resolve_after = CASE c.state WHEN 'unknown' THEN %(lease_until)s END, reason = NULL
    FROM armed u
    -- Named twice: joined alone, a partition without statistics is read from end to end.
    WHERE c.contact_id = u.contact_id AND c.contact_id = ANY (%(contact_id)s)
      AND c.due_on >= %(first)s AND c.due_on < %(last)s
)
INSERT INTO attempts (contact_id, due_on, number, kind, borrower_id, channel, provider, fence, owner, reference,
                      idempotency_key, body_hash, body_sealed, armed_business, armed_at, local_day, counted,
                      address_index, loan_ids)
SELECT contact_id, due_on, number, kind, borrower_id, channel, provider, fence, %(owner)s, reference, idempotency_key,
       body_hash, body_sealed, %(now)s, %(lease)s, local_day, kind = 'send', address_index, loan_ids
FROM armed
"""
_ARMED: dict[str, Column] = {
    "contact_id": Ids,
    "due_on": Texts,
    "number": Ids,
    "fence": Ids,
    "kind": Texts,
    "borrower_id": Ids,
    "channel": Texts,
    "provider": Texts,
    "reference": Texts,
    "idempotency_key": Texts,
    "body_hash": Blobs,
    "body_sealed": Blobs,
    "local_day": Texts,
    "address_index": Blobs,
    "loan_ids": Texts,
}

_POSTPONE = """
UPDATE contacts c SET resolve_after = u.after
FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(after)s::timestamptz[]) AS u (contact_id, due_on, after)
WHERE c.due_on = u.due_on AND c.contact_id = u.contact_id AND c.state = 'unknown'
"""


#: As in `ledger/facts.py`: three words per contact.
_CHANNELS = {one.value: one for one in ChannelKind}
_STATES = {one.value: one for one in ContactState}
_CONSENTS = {one.value: one for one in Consent}


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

    async def claim(self, contact_ids: Sequence[int], *, times: Times, terms: Terms) -> list[Claimable]:
        """Lock and read those of the contacts that are still to be sent or resolved, in id order."""
        due = due_range(contact_ids)
        span: dict[str, object] = {"first": due[0], "last": due[1], "ids": Ids(contact_ids), "lease": times.lease}
        locked = await (await self._conn.execute(_LOCK, span)).fetchall()
        if not locked:
            return []
        span["crashes"] = QUARANTINE_FROM if len(contact_ids) == 1 else SUSPECT_FROM
        async with self._conn.pipeline(), self._conn.cursor(row_factory=dict_row, binary=True) as cursor:
            await cursor.execute(statement("claim"), span)
            borrowers = {row[0] for row in locked}
            around = await read_surroundings(self._conn, Ids(borrowers), due, times=times, terms=terms)
            # One that was released since has a borrower who is not locked: its own hint is still to come.
            rows = [row for row in await cursor.fetchall() if row["borrower_id"] in borrowers]
        return [self._claimable(row, around, times) for row in rows]

    async def arm(self, attempts: Sequence[Armed], *, times: Times, owner: int, lease: timedelta) -> None:
        """Write the attempts and mark their contacts as sending, under a lease."""
        if not attempts:
            return
        first, last = due_range([armed.contact.contact_id for armed in attempts])
        rows = columns(_ARMED, [self._row(armed) for armed in attempts])
        times_of = {"now": times.business, "lease": times.lease, "lease_until": times.lease + lease}
        async with self._conn.pipeline():
            await self._conn.execute(WITHOUT_NESTED_LOOPS)
            await self._conn.execute(_ARM, {**rows, "first": first, "last": last, "owner": owner, **times_of})

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

    def _row(self, armed: Armed) -> tuple[object, ...]:
        data_key_id, key = self._keys[armed.contact.borrower_id]
        sealed = self._vault.seal_bytes(key, body_place(data_key_id, armed.reference), armed.letter)
        number, debts = armed.contact.facts.number, armed.contact.facts.debts
        return (
            armed.contact.contact_id,
            armed.contact.due_on.isoformat(),
            armed.number,
            armed.fence,
            armed.kind,
            armed.contact.borrower_id,
            armed.contact.channel,
            armed.provider,
            armed.reference,
            armed.idempotency_key,
            hashlib.sha256(armed.letter).digest(),
            sealed,
            armed.contact.local_day.isoformat(),
            None if number is None else bytes.fromhex(number),
            f"{{{','.join(map(str, debts))}}}",
        )

    def _claimable(self, row: Mapping[str, Any], around: Surroundings, times: Times) -> Claimable:
        channel = _CHANNELS[row["channel"]]
        opened = self._open(row, channel)
        items = around.items_of(row)
        local_day = local_day_of(row, times)
        return Claimable(
            contact_id=row["contact_id"],
            due_on=row["due_on"],
            borrower_id=row["borrower_id"],
            channel=channel,
            state=_STATES[row["state"]],
            template=row["template"],
            locale=around.locale_of(row),
            name=opened.name if opened else "",
            point=opened.point if opened else None,
            items=items,
            facts=around.facts(row, items, local_day),
            attempts=row["attempts"],
            failures=row["failures"],
            fence=row["fence"],
            not_after=row["not_after"],
            local_day=local_day,
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
            consent=_CONSENTS[row["consent"]],
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
