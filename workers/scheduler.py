"""The scheduler: plan, release, sweep, again and again. Run as many as you like: rows are taken with SKIP LOCKED."""

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from redis.exceptions import RedisError

from duecourse.bootstrap import App, open_app
from duecourse.domain.clock import Times
from duecourse.domain.errors import DuecourseError, StoreUnavailable
from duecourse.ledger.owners import LivingOwner
from duecourse.ports import Queue
from duecourse.usecases.judge_providers import JudgeProviders
from duecourse.usecases.plan_contacts import PlanContacts
from duecourse.usecases.release_contacts import ReleaseContacts
from duecourse.usecases.sweep import Sweep
from workers.environment import broker_of_process, settings_of_process
from workers.queue import DramatiqQueue

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_TICK_S = 1.0
_SWEEP_S = 5.0
_JUDGE_S = 2.0
#: The bell tells of a changed book at once; this bounds what a lost ring costs.
_PLAN_EVERY = timedelta(hours=3)


@dataclass(kw_only=True)
class Scheduler:
    """One scheduler's round. All that it remembers is when it last did what: losing it costs nothing."""

    app: App
    queue: Queue
    owner: LivingOwner
    plan: PlanContacts
    release: ReleaseContacts
    sweep: Sweep
    judge: JudgeProviders
    planned_until: datetime | None = None
    swept_at: float = field(default=float("-inf"))
    judged_at: float = field(default=float("-inf"))
    word: str | None = None

    async def tick(self) -> None:
        """One round: everything that is due at this instant is on its way when it ends."""
        times = await self.app.clock.read()
        await self._plan(times)
        await self._sweep()
        await self._judge()
        released = await self.release()
        await self._knock()
        await self._record(times)
        if any(released.values()):
            log.info("contacts.released", **released)

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until told to stop; a store that is away is waited for."""
        while not stop.is_set():
            try:
                await self.tick()
            except StoreUnavailable as exc:
                log.warning("scheduler.waiting", error=str(exc))
            self.word = await self._wait(stop)

    async def _plan(self, times: Times) -> None:
        due = self.planned_until is None or times.business >= self.planned_until or self.word == "book"
        if not due:
            return
        planned = await self.plan()
        self.planned_until = times.business + min(_PLAN_EVERY, self.plan.horizon / 2)
        if planned:
            log.info("contacts.planned", count=sum(planned.values()), rungs=planned)

    async def _sweep(self) -> None:
        if time.monotonic() - self.swept_at < _SWEEP_S and not self.app.settings.virtual_clock:
            return
        swept = await self.sweep()
        self.swept_at = time.monotonic()
        if any(swept.values()):
            log.info("contacts.swept", **swept)

    async def _judge(self) -> None:
        if time.monotonic() - self.judged_at < _JUDGE_S:
            return
        self.judged_at = time.monotonic()
        for provider, share in (await self.judge()).items():
            log.warning("provider.reweighted", provider=provider, share=share)

    async def _knock(self) -> None:
        """Ask a worker to look at the inbox, where something is in it."""
        async with self.app.ledger.transaction() as tx:
            if await tx.inbox.open_ids(after=0, limit=1):
                await self.queue.hint_inbox()

    async def _record(self, times: Times) -> None:
        owner = await self.owner.current()
        async with self.app.ledger.transaction() as tx:
            await tx.planning.record_tick(owner, times)

    async def _wait(self, stop: asyncio.Event) -> str | None:
        """Until the bell rings or a tick has passed."""
        bell = asyncio.create_task(self.app.bell.wait(_TICK_S))
        stopped = asyncio.create_task(stop.wait())
        done, pending = await asyncio.wait({bell, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, RedisError, OSError):
                await task
        if bell not in done:
            return None
        try:
            return bell.result()
        except (RedisError, OSError):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TICK_S)
            return None


async def serve() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = settings_of_process()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_app(settings, pool_size=4) as app:
        owner = LivingOwner(settings.database_url, "scheduler")
        queue = DramatiqQueue(broker_of_process(settings))
        scheduler = Scheduler(
            app=app,
            queue=queue,
            owner=owner,
            plan=app.planning(),
            release=app.releasing(queue),
            sweep=app.sweeping(queue),
            judge=app.judging(),
        )
        log.info("scheduler.started", channels=[kind.value for kind in app.kinds])
        try:
            await scheduler.run(stop)
        finally:
            await owner.aclose()
            await queue.aclose()
    log.info("scheduler.stopped")


def main() -> int:
    """The process: 0 after a clean stop, 1 where it cannot start."""
    try:
        asyncio.run(serve())
    except DuecourseError as exc:
        log.error("scheduler.failed", error=str(exc))  # noqa: TRY400 - one clear line; the cause is in it
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
