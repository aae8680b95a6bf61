"""Addresses that stay silent, whoever the book says they belong to: by keyed digest, which outlives an erasure."""

from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.event import Event
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.crypto import Vault
from duecourse.ledger.events import EventRows
from duecourse.ledger.matches import address_index

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_SILENCE = """
INSERT INTO suppressed_addresses (channel, address_index, rule, since) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
RETURNING suppression_id
"""
_SILENCE_BORROWER = """
INSERT INTO suppressed_addresses (channel, address_index, rule, since)
SELECT DISTINCT channel, address_index, %(rule)s, %(now)s::timestamptz FROM contact_points
WHERE borrower_id = %(borrower)s AND (%(channel)s::text IS NULL OR channel = %(channel)s)
ORDER BY channel, address_index
ON CONFLICT DO NOTHING
"""
_WITHDRAW = """
UPDATE contact_points SET consent = 'withdrawn', consent_at = %(now)s, consent_source = %(rule)s
WHERE channel = %(channel)s AND address_index = %(index)s AND consent <> 'withdrawn'
RETURNING borrower_id, contact_point_id
"""
_LIFT = """
UPDATE suppressed_addresses s SET lifted_at = %(now)s
FROM contact_points p
WHERE p.borrower_id = %(borrower)s AND (%(channel)s::text IS NULL OR p.channel = %(channel)s)
  AND (%(index)s::bytea IS NULL OR p.address_index = %(index)s)
  AND s.channel = p.channel AND s.address_index = p.address_index AND s.lifted_at IS NULL
RETURNING p.contact_point_id
"""
_AGREE = """
UPDATE contact_points SET consent = 'granted', consent_at = %(now)s, consent_source = %(source)s
WHERE borrower_id = %(borrower)s AND channel = %(channel)s AND address_index = %(index)s
RETURNING contact_point_id
"""


class SuppressionRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault
        self._events = EventRows(conn)

    def index(self, channel: ChannelKind, address: str) -> bytes:
        """The keyed digest of an address as a provider writes it."""
        return address_index(self._vault, channel, address)

    async def remember(self, channel: ChannelKind, index: bytes, *, rule: str, times: Times) -> bool:
        """Keep the address silent for whomever it is imported next; False where it is so already."""
        cursor = await self._conn.execute(_SILENCE, (channel, index, rule, times.business))
        return await cursor.fetchone() is not None

    async def silence_address(self, channel: ChannelKind, index: bytes, *, rule: str, times: Times, actor: str) -> None:
        """It is not the borrower's: nobody is written to there, and whoever had it as theirs loses it."""
        await self.remember(channel, index, rule=rule, times=times)
        cursor = await self._conn.execute(
            _WITHDRAW, {"now": times.business, "rule": rule, "channel": channel, "index": index}
        )
        told = [
            Event(kind="consent.withdrawn", borrower_id=borrower_id, data={"contact_point_id": point, "rule": rule})
            for borrower_id, point in await cursor.fetchall()
        ]
        await self._events.append(times, actor, told)

    async def silence_borrower(self, borrower_id: int, channel: ChannelKind | None, *, rule: str, times: Times) -> None:
        """Remember the digests of what an opt-out covers: should these come back as somebody new, they stay silent."""
        await self._conn.execute(
            _SILENCE_BORROWER, {"borrower": borrower_id, "channel": channel, "rule": rule, "now": times.business}
        )

    async def lift_of(self, borrower_id: int, channel: ChannelKind | None, *, times: Times, actor: str) -> bool:
        """The borrower took a demand back: their addresses may be written to again, if consent allows.

        False where none of them was silent.
        """
        cursor = await self._conn.execute(
            _LIFT, {"borrower": borrower_id, "channel": channel, "index": None, "now": times.business}
        )
        told = [
            Event(kind="address.restored", borrower_id=borrower_id, data={"contact_point_id": point})
            for (point,) in await cursor.fetchall()
        ]
        await self._events.append(times, actor, told)
        return bool(told)

    async def agree_again(
        self, borrower_id: int, channel: ChannelKind, index: bytes, *, source: str, times: Times, actor: str
    ) -> bool:
        """The borrower's own word from this very address: a consent, dated now. False where it is not in the book."""
        values = {"borrower": borrower_id, "channel": channel, "index": index, "source": source, "now": times.business}
        await self._conn.execute(_LIFT, values)
        row = await (await self._conn.execute(_AGREE, values)).fetchone()
        if row is None:
            return False
        data = {"contact_point_id": row[0], "source": source}
        await self._events.append(times, actor, [Event(kind="consent.granted", borrower_id=borrower_id, data=data)])
        return True
