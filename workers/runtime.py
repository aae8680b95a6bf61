"""What a worker process keeps open: one App, the providers of its channel, one owner, all on Dramatiq's event loop."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Generic, TypeVar

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

log: structlog.stdlib.BoundLogger = structlog.get_logger()
#: A batch makes some ten thousand objects and drops them all; looking for cycles among them after every 700, as Python
#: does by itself, took a quarter of a worker's time.
_COLLECT_AFTER = (100_000, 50, 100)
Opened = TypeVar("Opened")


class Runtime(Middleware, Generic[Opened]):
    """Opens on the first message and closes before the loop stops. A failed opening is tried again."""

    def __init__(self, opener: Callable[[AsyncExitStack], Awaitable[Opened]]) -> None:
        self._opener = opener
        self._stack = AsyncExitStack()
        self._opened: Opened | None = None
        self._opening: asyncio.Lock | None = None
        self.stopping = asyncio.Event()
        """Set when the process is told to end: begin nothing more."""

    async def get(self) -> Opened:
        """What the opener made, once per process."""
        # Made here, not in the constructor: a lock belongs to the loop that first waits on it.
        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if self._opened is None:
                async with AsyncExitStack() as stack:
                    self._opened = await self._opener(stack)
                    self._stack = stack.pop_all()
                gc.freeze()
                gc.set_threshold(*_COLLECT_AFTER)
            return self._opened

    async def pause(self, seconds: float) -> None:
        """Wait, but not past the moment at which the process is told to end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Dramatiq waits for running jobs, and interrupts none: they end soon by themselves."""
        thread = get_event_loop_thread()
        if thread:
            thread.loop.call_soon_threadsafe(self.stopping.set)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Registered behind AsyncIO, so its after-hook runs before the loop is stopped."""
        thread = get_event_loop_thread()
        if thread and self._opened is not None:
            thread.run_coroutine(self._stack.aclose())
            self._opened = None
