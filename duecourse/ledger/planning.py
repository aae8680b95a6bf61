"""From what is due to contacts: one set-based statement per rung and page."""

from typing import TYPE_CHECKING

from duecourse.cadence.rung import Cadence, Rung
from duecourse.cadence.schedule import due_days
from duecourse.domain.clock import Times
from duecourse.ledger.partitions import ensure_months
from duecourse.ledger.releasing import REACH
from duecourse.ledger.statements import statement
from duecourse.ports import PlanPage, PlanWindow

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_TICKED = "UPDATE owners SET ticked_business = %s, ticked_at = %s WHERE owner = %s"
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
        self, cadence: Cadence, rung: Rung, window: PlanWindow, *, times: Times, actor: str, after: PlanPage = _FIRST
    ) -> PlanPage:
        """Plan the next page of one rung."""
        first, last = due_days(rung, window.now, window.until)
        cursor = await self._conn.execute(
            statement("plan_rung"),
            {
                "first_due": first,
                "last_due": last,
                "after_due": after.after[0],
                "after_borrower": after.after[1],
                "page": _PAGE,
                "offset_days": rung.offset_days,
                "at": rung.at,
                "not_after": rung.not_after,
                "cadence": cadence.name,
                "version": cadence.version,
                "rung": rung.name,
                "channels": [channel.value for channel in rung.channels],
                "audiences": [audience.value for audience in rung.audiences],
                "template": rung.template,
                "stop": sorted(rule.value for rule in rung.stop),
                "priority": rung.priority,
                "now": window.now,
                "today": window.now.date(),
                "until": window.until,
                "lease": times.lease,
                "actor": actor,
            },
        )
        planned, read, last_due, last_borrower = await cursor.fetchone() or (0, 0, None, None)
        end = (last_due, last_borrower) if last_due else after.after
        return PlanPage(planned=planned, after=end, more=read == _PAGE)
