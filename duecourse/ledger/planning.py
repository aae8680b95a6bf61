"""From what is due to contacts: one set-based statement per page, for all rungs that count the same days."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from duecourse.cadence.rung import Cadence, Rung, Weekday
from duecourse.cadence.schedule import due_days
from duecourse.domain.clock import Times
from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.partitions import ensure_months
from duecourse.ledger.releasing import REACH
from duecourse.ledger.statements import statement
from duecourse.ports import PlanPage, PlanWindow

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_TICKED = "UPDATE owners SET ticked_business = %s, ticked_at = %s WHERE owner = %s"
#: Two keys: a space of its own beside that of the owners' locks, which have one. Earlier days first, as everybody does.
_ONE_PLANNER = """
SELECT count(pg_advisory_xact_lock(hashtext(%s), day)) FROM generate_series(%s::integer, %s::integer) AS day
"""
#: What a page is about to insert stays in memory; the server's default is for many small statements. Why without nested
#: loops, plan_rungs.sql says.
_ROOM = "SELECT set_config('work_mem', '16MB', true), set_config('enable_nestloop', 'off', true)"
_FIRST = PlanPage.first()
_PAGE = 5_000


class PlanRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def ensure_months(self, times: Times) -> None:
        """Make the partitions of every contact, attempt and event that can be written around this day."""
        day = times.business.date()
        await ensure_months(self._conn, day - REACH, day + REACH)

    async def record_tick(self, owner: int, times: Times) -> None:
        """A scheduler looked at everything that was due at this business time."""
        await self._conn.execute(_TICKED, (times.business, times.lease, owner))

    async def plan_page(
        self,
        cadence: Cadence,
        rungs: Sequence[Rung],
        window: PlanWindow,
        *,
        times: Times,
        actor: str,
        after: PlanPage = _FIRST,
    ) -> PlanPage:
        """Plan the next page of rungs that all have the same `offset_days`.

        Other planners of these rungs and days wait until the transaction ends, and then see what it planned. So
        nothing is planned twice without `ON CONFLICT`, which costs a third of the whole; the key of contacts stands
        behind it.

        Raises:
            StoreUnavailable: somebody who does not wait planned the same meanwhile. The next pass sees it.
        """
        offset = rungs[0].offset_days
        first, last = due_days(rungs, window.now, window.until)
        begin, last = max(after.after, (first, 0)), min(after.last, last)
        days = (begin[0].toordinal(), last.toordinal())
        await self._conn.execute(_ONE_PLANNER, (f"{cadence.name} {offset}", *days))
        await self._conn.execute(_ROOM)
        values = {
            "first_due": first,
            "last_due": last,
            "after_due": begin[0],
            "after_borrower": begin[1],
            "page": _PAGE,
            "offset_days": offset,
            "cadence": cadence.name,
            "version": cadence.version,
            "rungs": Jsonb([_row(rung) for rung in rungs]),
            "now": window.now,
            "today": window.now.date(),
            "until": window.until,
            "lease": times.lease,
            "actor": actor,
        }
        try:
            # A plan made for any values would be one for a tenth of the book.
            cursor = await self._conn.execute(statement("plan_rungs"), values, prepare=False)
        except UniqueViolation as exc:
            raise StoreUnavailable("Postgres: a planner that does not wait for others was here first") from exc
        planned, read, *end = await cursor.fetchone() or (None, 0, *begin)
        return PlanPage(planned=planned or {}, after=(end[0], end[1]), more=read >= _PAGE, last=last)


def _row(rung: Rung) -> dict[str, object]:
    return {
        "name": rung.name,
        "at": rung.at.isoformat(),
        "not_after": rung.not_after.isoformat(),
        "lasts_days": rung.lasts_days,
        "weekdays": [day for day, word in enumerate(Weekday, 1) if word in rung.due_weekdays] or None,
        "channels": [channel.value for channel in rung.channels],
        "audiences": [audience.value for audience in rung.audiences],
        "template": rung.template,
        "stop": sorted(rule.value for rule in rung.stop),
        "priority": rung.priority,
    }
