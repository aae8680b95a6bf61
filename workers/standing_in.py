"""Degraded mode: while the broker is away, a worker looks in Postgres for what is released, and delivers that."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from duecourse.domain.errors import DuecourseError
from duecourse.domain.vocabulary import Urgency
from workers.reach import reach_of
from workers.runtime import Runtime

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: A restart of the broker is over before; until then its hints are only late.
_PATIENCE_S = 3.0
_LOOK_S = 0.5

Serve = Callable[[Urgency], Awaitable[bool]]
"""Do what waits in this class; whether there was something."""


class StandIn(Middleware):
    """Register it behind the runtime: its after-hook then runs first, and what it still does ends before all closes."""

    def __init__(self, runtime: Runtime[Any], serve: Serve, classes: Sequence[Urgency] = tuple(Urgency)) -> None:
        self._runtime = runtime
        self._serve = serve
        self._classes = classes
        self._tasks: list[asyncio.Task[None]] = []

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        thread = get_event_loop_thread()
        if thread:
            thread.run_coroutine(self._start(broker))

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        thread = get_event_loop_thread()
        if thread and self._tasks:
            thread.run_coroutine(self._end())

    async def _start(self, broker: dramatiq.Broker) -> None:
        self._tasks = [asyncio.create_task(self._watch(broker, urgency)) for urgency in self._classes]

    async def _end(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, broker: dramatiq.Broker, urgency: Urgency) -> None:
        """One for each class: a campaign that waits for the rate keeps no due-day message waiting."""
        reach, alone = reach_of(broker), False
        while not self._runtime.stopping.is_set():
            was, alone = alone, reach.away_s() > _PATIENCE_S
            if alone is not was:
                log.warning("broker.away" if alone else "broker.back", urgency=urgency.name.lower())
            if not alone or not await self._try(urgency):
                await self._runtime.pause(_LOOK_S)

    async def _try(self, urgency: Urgency) -> bool:
        try:
            return await self._serve(urgency)
        except DuecourseError as exc:
            log.warning("standing_in.failed", urgency=urgency.name.lower(), error=str(exc))
            return False
