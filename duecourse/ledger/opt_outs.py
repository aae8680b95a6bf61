"""Opt-outs: demands to stop one channel or everything. The gate reads them at the claim."""

from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.domain.hold import OptOut
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.events import EventRows

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_LOCK = "SELECT borrower_id FROM borrowers WHERE borrower_id = %s FOR NO KEY UPDATE"
_FIND = "SELECT borrower_id FROM borrowers WHERE external_id = %s"
_ADD = """
INSERT INTO opt_outs (borrower_id, channel, source, at) VALUES (%s, %s, %s, %s)
ON CONFLICT (borrower_id, channel) WHERE revoked_at IS NULL DO NOTHING
"""
_REMOVE = """
UPDATE opt_outs SET revoked_at = %s
WHERE borrower_id = %s AND channel IS NOT DISTINCT FROM %s::text AND revoked_at IS NULL
"""
_LIST = """
SELECT b.external_id, o.channel, o.source, o.at, o.revoked_at
FROM opt_outs o JOIN borrowers b USING (borrower_id)
WHERE (%(borrower)s::text IS NULL OR b.external_id = %(borrower)s) AND (%(all)s OR o.revoked_at IS NULL)
ORDER BY o.opt_out_id LIMIT %(limit)s
"""


class OptOutRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn
        self._events = EventRows(conn)

    async def borrower_id(self, external_id: str) -> int:
        """The id behind the lender's number.

        Raises:
            InputError: no such borrower.
        """
        cursor = await self._conn.execute(_FIND, (external_id,))
        row = await cursor.fetchone()
        if row is None:
            raise InputError("borrower: no such borrower")
        return int(row[0])

    async def add(
        self, borrower_id: int, channel: ChannelKind | None, *, source: str, times: Times, actor: str
    ) -> bool:
        """Stop `channel`, or everything where it is None; False where that was demanded before."""
        await self._conn.execute(_LOCK, (borrower_id,))
        cursor = await self._conn.execute(_ADD, (borrower_id, channel, source, times.business))
        return await self._log("optout.added", borrower_id, channel, cursor.rowcount, times=times, actor=actor)

    async def remove(self, borrower_id: int, channel: ChannelKind | None, *, times: Times, actor: str) -> bool:
        """Take back the demand about exactly this channel (None: about everything); False where there was none."""
        await self._conn.execute(_LOCK, (borrower_id,))
        cursor = await self._conn.execute(_REMOVE, (times.business, borrower_id, channel))
        return await self._log("optout.revoked", borrower_id, channel, cursor.rowcount, times=times, actor=actor)

    async def listed(self, borrower: str | None, *, everything: bool, limit: int) -> list[OptOut]:
        """In the order they were made: those in force, or `everything`; of one borrower or of all."""
        cursor = await self._conn.execute(_LIST, {"borrower": borrower, "all": everything, "limit": limit})
        return [
            OptOut(
                borrower=name,
                channel=ChannelKind(channel) if channel else None,
                source=source,
                at=at,
                revoked_at=revoked_at,
            )
            for name, channel, source, at, revoked_at in await cursor.fetchall()
        ]

    async def _log(
        self, kind: str, borrower_id: int, channel: ChannelKind | None, changed: int, *, times: Times, actor: str
    ) -> bool:
        if changed:
            data = {"channel": channel.value if channel else None}
            await self._events.append(times, actor, [Event(kind=kind, borrower_id=borrower_id, data=data)])
        return bool(changed)
