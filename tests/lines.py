"""A line that can be cut, in a thread of its own: it goes on while a test waits for a process to end."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from duecourse.simulator.chaos.lines import Connect, Line, running_line


class ThreadedLine:
    """Clients connect to `port`."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._line = Line()

    @property
    def port(self) -> int:
        return self._line.port

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Nothing comes through meanwhile."""
        self._loop.call_soon_threadsafe(self._line.cut)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._line.mend)

    def start(self) -> None:
        self._thread.start()
        assert self._up.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with running_line(self._connect) as self._line:
            self._up.set()
            await self._end.wait()


@contextmanager
def line_in_thread(connect: Connect) -> Iterator[ThreadedLine]:
    line = ThreadedLine(connect)
    line.start()
    try:
        yield line
    finally:
        line.stop()
