"""Turn what is due soon into contacts. Run it as often as you like: a rung fires once."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.clock import Clock
from duecourse.ports import Ledger, PlanPage, PlanWindow

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class PlanContacts:
    ledger: Ledger
    clock: Clock
    cadences: Sequence[Cadence]
    horizon: timedelta
    actor: str = "scheduler"
    lanes: int = 2
    """How many transactions plan at once, each on a connection of its own."""

    async def __call__(self) -> dict[str, int]:
        """How many contacts were planned, by `cadence/rung`; rungs that planned none are left out."""
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            await tx.planning.ensure_months(times)
        free = asyncio.Semaphore(self.lanes)
        planned: Counter[str] = Counter()
        for cadence in self.cadences:
            found = await _together([self._plan(cadence, rungs, free) for rungs in _by_offset(cadence.rungs)])
            for count in found:
                planned.update({f"{cadence.name}/{rung}": many for rung, many in count.items()})
        return dict(planned)

    async def _plan(self, cadence: Cadence, rungs: Sequence[Rung], free: asyncio.Semaphore) -> Counter[str]:
        """One page of all their days; and where that is not all, the days side by side."""
        page = await self._page(cadence, rungs, PlanPage.first(), free)
        total = Counter(page.planned)
        if page.more:
            for planned in await _together([self._day(cadence, rungs, day, free) for day in page.by_day()]):
                total.update(planned)
        return total

    async def _day(
        self, cadence: Cadence, rungs: Sequence[Rung], page: PlanPage, free: asyncio.Semaphore
    ) -> Counter[str]:
        total: Counter[str] = Counter()
        while page.more:
            page = await self._page(cadence, rungs, page, free)
            total.update(page.planned)
        return total

    async def _page(
        self, cadence: Cadence, rungs: Sequence[Rung], after: PlanPage, free: asyncio.Semaphore
    ) -> PlanPage:
        async with free:
            times = await self.clock.read()
            window = PlanWindow(now=times.business, until=times.business + self.horizon)
            async with self.ledger.transaction() as tx:
                return await tx.planning.plan_page(cadence, rungs, window, times=times, actor=self.actor, after=after)


def _by_offset(rungs: Sequence[Rung]) -> list[list[Rung]]:
    """Rungs that look at the same due dates: they are planned in one go."""
    found: dict[int, list[Rung]] = defaultdict(list)
    for rung in rungs:
        found[rung.offset_days].append(rung)
    return list(found.values())


async def _together(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All their results; the first that fails ends the others, and only then its error is told."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
