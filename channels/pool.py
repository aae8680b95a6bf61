"""Our own HTTP/1.1 transport for httpx: kept connections, at most so many at a time. See docs/decisions/0015."""

import asyncio
import math
import re
import ssl
import time
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import httpx

from channels.causes import Cause, Unanswered, connect_cause
from channels.connecting import Connector, Origin
from channels.connection import Connection, Whole
from duecourse.domain.clock import Monotonic

_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535
#: Headers that follow from the address and the body, whatever the request says of them.
_OURS = frozenset({b"host", b"content-length", b"transfer-encoding"})
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How many connections, and for how long."""

    connections: int = 100
    connect_s: float = 3.0
    """For the way to a connection: addresses, handshakes."""
    keepalive_s: float = 4.0
    """uvicorn closes an idle connection after 5 s, nginx after 75: below the shortest in wide use."""


class Pool(httpx.AsyncBaseTransport):
    """No redirects, cookies, proxies or retries. Every failure is Unanswered, and tells whether a byte may have left.

    A request's stream is `Whole`; its extension `deadline` is a time of `monotonic` after which no byte is written.
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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        expires = self._loop.time() + self._timeout_s
        url, body = request.url, _body(request)
        origin = _origin(url.scheme, url.raw_host, url.port)
        head = _head(request, len(body))
        deadline = request.extensions.get("deadline", math.inf)
        if self._free:
            self._free -= 1
        else:
            await self._turn(deadline, expires)
        connection = None
        try:
            connection = self._kept(origin) or await self._connected(origin, deadline, expires)
            if self._monotonic() >= deadline:
                raise Unanswered(Cause.DEADLINE, written=False)
            return await connection.send(head, body, expires=expires, head_only=request.method == "HEAD")
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


@lru_cache(maxsize=256)
def _origin(scheme: str, host: bytes, port: int | None) -> Origin:
    port = _PORTS.get(scheme, 0) if port is None else port
    # The resolver would take a port too high for another one.
    if scheme not in _PORTS or not host or not 0 < port <= _LAST_PORT:
        raise Unanswered(Cause.BAD_REQUEST, written=False)
    return Origin(host.decode(), port, scheme == "https")


def _head(request: httpx.Request, length: int) -> bytes:
    """The request's line and headers: each line is checked by itself, so that none can hold another."""
    url = request.url
    lines = b"".join([_line(name, value) for name, value in request.headers.raw])
    return b"%b%d\r\n%b\r\n" % (_first_lines(request.method, url.raw_path, url.netloc), length, lines)


@lru_cache(maxsize=256)
def _first_lines(method: str, path: bytes, host: bytes) -> bytes:
    """Up to where the body's length is written."""
    if not (method.isascii() and method.isalpha()) or not (_is_plain(path) and _is_plain(host)):
        raise Unanswered(Cause.BAD_REQUEST, written=False)
    return b"%b %b HTTP/1.1\r\nhost: %b\r\ncontent-length: " % (method.encode(), path, host)


#: Most headers are those of every request.
@lru_cache(maxsize=1024)
def _line(name: bytes, value: bytes) -> bytes:
    if name.lower() in _OURS:
        return b""
    if not (_TOKEN.fullmatch(name) and _is_plain(value)):
        raise Unanswered(Cause.BAD_REQUEST, written=False)
    return b"%b: %b\r\n" % (name, value)


def _is_plain(text: bytes) -> bool:
    return text.isascii() and not (b"\n" in text or b"\r" in text or b"\0" in text)


def _body(request: httpx.Request) -> bytes:
    if not isinstance(request.stream, Whole):
        raise TypeError("the whole body must be known")
    return request.stream.content
