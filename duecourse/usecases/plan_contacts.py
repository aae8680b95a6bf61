"""Turn what is due soon into contacts. Run it as often as you like: a rung fires once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.clock import Clock
from duecourse.ports import Ledger, PlanPage, PlanWindow


@dataclass(frozen=True, kw_only=True)
class PlanContacts:
    ledger: Ledger
    clock: Clock
    cadences: Sequence[Cadence]
    horizon: timedelta
    actor: str = "scheduler"

    async def __call__(self) -> dict[str, int]:
        """How many contacts were planned, by `cadence/rung`; rungs that planned none are left out."""
        planned: dict[str, int] = {}
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            await tx.planning.ensure_months(times)
        for cadence in self.cadences:
            for rung in cadence.rungs:
                count = await self._plan(cadence, rung)
                if count:
                    planned[f"{cadence.name}/{rung.name}"] = count
        return planned

    async def _plan(self, cadence: Cadence, rung: Rung) -> int:
        total, page = 0, PlanPage.first()
        while page.more:
            times = await self.clock.read()
            window = PlanWindow(now=times.business, until=times.business + self.horizon)
            async with self.ledger.transaction() as tx:
                page = await tx.planning.plan_page(cadence, rung, window, times=times, actor=self.actor, after=page)
            total += page.planned
        return total
