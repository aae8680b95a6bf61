"""Opt-outs: demands to stop one channel or everything. The gate reads them at the claim."""

from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.demand import NewOptOut, Scope
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
INSERT INTO opt_outs (borrower_id, channel, scope, source, demand_id, at)
VALUES (%(borrower)s, %(channel)s, %(scope)s, %(source)s, %(demand)s, %(now)s)
ON CONFLICT (borrower_id, channel) WHERE revoked_at IS NULL DO NOTHING
RETURNING opt_out_id
"""
#: Of two demands about every channel the wider counts.
_WIDEN = """
UPDATE opt_outs SET scope = %(scope)s, source = %(source)s, demand_id = %(demand)s
WHERE borrower_id = %(borrower)s AND channel IS NULL AND revoked_at IS NULL
  AND scope = 'sender' AND %(scope)s = 'everything'
RETURNING opt_out_id
"""
_REMOVE = """
UPDATE opt_outs SET revoked_at = %s
WHERE borrower_id = %s AND channel IS NOT DISTINCT FROM %s::text AND revoked_at IS NULL
RETURNING opt_out_id
"""
_SILENCES = """
SELECT scope FROM opt_outs WHERE borrower_id = %s AND (channel IS NULL OR channel = %s) AND revoked_at IS NULL
"""
_LIST = """
SELECT b.external_id, o.channel, o.scope, o.source, o.demand_id, o.at, o.revoked_at
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
        scope = Scope.CHANNEL if channel else Scope.EVERYTHING
        stop = NewOptOut(borrower_id=borrower_id, channel=channel, scope=scope, source=source)
        return await self.stop(stop, times=times, actor=actor)

    async def stop(self, opt_out: NewOptOut, *, times: Times, actor: str) -> bool:
        """Carry out a stop; False where as much or more was demanded before."""
        await self._conn.execute(_LOCK, (opt_out.borrower_id,))
        values = {
            "borrower": opt_out.borrower_id,
            "channel": opt_out.channel,
            "scope": opt_out.scope,
            "source": opt_out.source,
            "demand": opt_out.demand_id,
            "now": times.business,
        }
        for kind, query in (("optout.added", _ADD), ("optout.widened", _WIDEN)):
            # A row, not a count: inside a pipeline only a fetch waits for the answer.
            if await (await self._conn.execute(query, values)).fetchone():
                told = {key: values[key] for key in ("channel", "scope", "demand")}
                await self._log(Event(kind=kind, borrower_id=opt_out.borrower_id, data=told), times, actor)
                return True
        return False

    async def silences(self, borrower_id: int, channel: ChannelKind) -> Scope | None:
        """The widest opt-out in force that covers the channel; None where there is none."""
        rows = await (await self._conn.execute(_SILENCES, (borrower_id, channel))).fetchall()
        return max((Scope(scope) for (scope,) in rows), key=lambda scope: scope.width, default=None)

    async def remove(self, borrower_id: int, channel: ChannelKind | None, *, times: Times, actor: str) -> bool:
        """Take back the demand about exactly this channel (None: about everything); False where there was none."""
        await self._conn.execute(_LOCK, (borrower_id,))
        cursor = await self._conn.execute(_REMOVE, (times.business, borrower_id, channel))
        removed = await cursor.fetchone() is not None
        if removed:
            told = {"channel": channel}
            await self._log(Event(kind="optout.revoked", borrower_id=borrower_id, data=told), times, actor)
        return removed

    async def listed(self, borrower: str | None, *, everything: bool, limit: int) -> list[OptOut]:
        """In the order they were made: those in force, or `everything`; of one borrower or of all."""
        cursor = await self._conn.execute(_LIST, {"borrower": borrower, "all": everything, "limit": limit})
        return [
            OptOut(
                borrower=name,
                channel=ChannelKind(channel) if channel else None,
                scope=Scope(scope),
                source=source,
                demand_id=demand_id,
                at=at,
                revoked_at=revoked_at,
            )
            for name, channel, scope, source, demand_id, at, revoked_at in await cursor.fetchall()
        ]

    async def _log(self, event: Event, times: Times, actor: str) -> None:
        await self._events.append(times, actor, [event])
