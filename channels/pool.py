"""Kept connections to whom requests go, at most so many at a time. See docs/decisions/0015."""

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass

from channels.causes import Cause, Unanswered, connect_cause
from channels.connecting import Connector, Origin
from channels.connection import Connection, Reply
from duecourse.domain.clock import Monotonic


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How many connections, and for how long."""

    connections: int = 100
    connect_s: float = 3.0
    """For the way to a connection: addresses, handshakes."""
    keepalive_s: float = 4.0
    """uvicorn closes an idle connection after 5 s, nginx after 75: below the shortest in wide use."""


class Pool:
    """No redirects, cookies, proxies or retries. Every failure is Unanswered, and tells whether a byte may have left.

    `timeout_s` bounds a call, waiting for a connection included. Belongs to the loop that runs when it is made.
    """

    def __init__(
        self,
        *,
        context: ssl.SSLContext,
        timeout_s: float,
        limits: Limits,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connector = Connector(context)
        self._timeout_s = timeout_s
        self._connect_s = limits.connect_s
        self._keepalive_s = limits.keepalive_s
        self._monotonic = monotonic
        self._free = limits.connections
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._open: set[Connection] = set()
        self._idle: dict[Origin, list[Connection]] = {}
        """Of each origin, the one used last at the end."""
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def call(
        self, origin: Origin, head: bytes, body: bytes, *, deadline: float, head_only: bool = False
    ) -> Reply:
        """Write a request and wait for its answer. No byte is written after `deadline`, a time of `monotonic`.

        `head_only`: see `Connection.send`.
        """
        expires = self._loop.time() + self._timeout_s
        if self._free:
            self._free -= 1
        else:
            await self._turn(deadline, expires)
        connection = None
        try:
            connection = self._kept(origin) or await self._connected(origin, deadline, expires)
            if self._monotonic() >= deadline:
                raise Unanswered(Cause.DEADLINE, written=False)
            return await connection.send(head, body, expires=expires, head_only=head_only)
        finally:
            if connection is not None:
                self._put_back(origin, connection)
            self._pass_on()

    async def _turn(self, deadline: float, expires: float) -> None:
        """Wait for one of the other calls to end, but not past the deadline: nothing could be sent after it."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        patience = min(deadline - self._monotonic(), expires - self._loop.time())
        timer = self._loop.call_later(patience, _give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on()
            raise
        finally:
            timer.cancel()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _kept(self, origin: Origin) -> Connection | None:
        """The one used last of those that are surely still open, as far as can be told without a byte."""
        idle, oldest = self._idle.get(origin), self._loop.time() - self._keepalive_s
        while idle:
            connection = idle.pop()
            if connection.idle_since > oldest and connection.quiet():
                return connection
            connection.close()
        return None

    async def _connected(self, origin: Origin, deadline: float, expires: float) -> Connection:
        patience = min(self._connect_s, deadline - self._monotonic(), expires - self._loop.time())
        try:
            async with asyncio.timeout(patience):
                connection = await self._connector.connect(origin)
        except Exception as exc:
            raise Unanswered(connect_cause(exc), written=False) from exc
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        if self._closed:
            connection.abort()
        return connection

    def _put_back(self, origin: Origin, connection: Connection) -> None:
        if not connection.fit:
            # Also where the caller was cancelled: what comes now is for nobody.
            connection.abort()
            return
        self._idle.setdefault(origin, []).append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._keepalive_s, self._sweep)

    def _sweep(self) -> None:
        """Close what was idle for too long: before the provider does, at the very moment of the next request."""
        self._sweeper = None
        oldest = self._loop.time() - self._keepalive_s
        for idle in self._idle.values():
            while idle and (idle[0].idle_since <= oldest or not idle[0].fit):
                idle.pop(0).close()
        since = [idle[0].idle_since for idle in self._idle.values() if idle]
        if since:
            self._sweeper = self._loop.call_at(min(since) + self._keepalive_s, self._sweep)

    async def aclose(self) -> None:
        """Hang up on everybody, also on those who have not answered."""
        self._closed = True
        self._connector.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        gone = [connection.lost for connection in self._open]
        for connection in list(self._open):
            connection.abort()
        if gone:
            await asyncio.wait(gone)


def _give_up(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_exception(Unanswered(Cause.POOL_TIMEOUT, written=False))
