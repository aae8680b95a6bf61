"""The one place that knows httpx and its aiohttp transport: one call, and whether it was surely not sent.

The transport's exception names are not trusted (it reports a disconnect after the request was written as a connect
timeout). What decides is whether the request's own body stream was asked for its bytes: aiohttp keeps the headers
back until it has the first piece of the body and writes both at once, so before that moment nothing has left.
"""

import asyncio
import errno
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Self

import aiohttp
import httpx
import httpx_aiohttp

from duecourse.domain.clock import Monotonic

#: A provider's answer is a few hundred bytes; more than this is not one.
MAX_BODY = 1 << 20
#: uvicorn closes an idle connection after 5 s, nginx after 75: below the shortest in wide use.
KEEPALIVE_S = 4.0
CONNECT_S = 3.0


class Fate(StrEnum):
    """What may have become of a request that has no usable response."""

    NOT_SENT = "not_sent"
    """No byte of it was written."""
    PERHAPS_SENT = "perhaps_sent"


class Cause(StrEnum):
    """Why a call has no usable response. The words that reach logs, attempts and metrics."""

    DEADLINE = "deadline"
    POOL_TIMEOUT = "pool_timeout"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_REFUSED = "connect_refused"
    UNREACHABLE = "unreachable"
    CONNECT_ERROR = "connect_error"
    DNS = "dns"
    TLS = "tls"
    BAD_REQUEST = "bad_request"
    """The request cannot be expressed: a malformed URL, or a line break in a header."""
    READ_TIMEOUT = "read_timeout"
    DISCONNECTED = "disconnected"
    RESET = "reset"
    TRUNCATED = "truncated"
    GARBAGE = "garbage"
    TOO_LARGE = "too_large"
    UNEXPECTED = "unexpected"
    """Not in the table below: always taken for perhaps sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A whole HTTP response, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Lower-case names."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """No usable response."""

    fate: Fate
    cause: str
    """A `Cause`: a code, never a text or a URL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A request that can be called once or more often. `repr` shows its method only."""

    method: str
    url: httpx.URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


class DeadlinePassed(Exception):
    """Raised at the first byte to keep it from being written."""


#: aiohttp's classes, most specific first, as the first match along the chain of causes wins.
_CAUSES: tuple[tuple[type[BaseException], Cause], ...] = (
    (DeadlinePassed, Cause.DEADLINE),
    (aiohttp.ClientConnectorDNSError, Cause.DNS),
    (aiohttp.ClientSSLError, Cause.TLS),
    (aiohttp.ServerFingerprintMismatch, Cause.TLS),
    (aiohttp.ClientConnectorError, Cause.CONNECT_ERROR),
    (aiohttp.ConnectionTimeoutError, Cause.CONNECT_TIMEOUT),
    (aiohttp.ServerTimeoutError, Cause.READ_TIMEOUT),
    (aiohttp.ServerDisconnectedError, Cause.DISCONNECTED),
    (aiohttp.ClientConnectionResetError, Cause.RESET),
    (aiohttp.ClientOSError, Cause.RESET),
    (aiohttp.ClientPayloadError, Cause.TRUNCATED),
    (aiohttp.InvalidURL, Cause.BAD_REQUEST),
    (aiohttp.NonHttpUrlClientError, Cause.BAD_REQUEST),
    (aiohttp.ClientResponseError, Cause.GARBAGE),
    (httpx.DecodingError, Cause.GARBAGE),
    # What aiohttp raises for a control character in a header, before it writes anything.
    (ValueError, Cause.BAD_REQUEST),
)

_ERRNO = {
    errno.ECONNREFUSED: Cause.CONNECT_REFUSED,
    errno.ENETUNREACH: Cause.UNREACHABLE,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
}


def cause_of(exc: BaseException) -> Cause:
    """The cause underneath an exception of the transport, by the first known class along its chain of causes."""
    link: BaseException | None = exc
    while link is not None:
        for known, cause in _CAUSES:
            if isinstance(link, known):
                return _refine(link, cause)
        link = link.__cause__
    return Cause.UNEXPECTED


def _refine(exc: BaseException, cause: Cause) -> Cause:
    if cause is not Cause.CONNECT_ERROR or not isinstance(exc, OSError):
        return cause
    return _ERRNO.get(exc.errno or 0, cause)


class _Body(httpx.AsyncByteStream):
    """The request's bytes, handed over once and only before the deadline. An iterator, so nothing is left to close."""

    def __init__(self, content: bytes, deadline: float, monotonic: Monotonic) -> None:
        self._content = content
        self._deadline = deadline
        self._monotonic = monotonic
        self.waiting = True
        """For a connection slot of ours."""
        self.written = False
        """True from the instant at which a byte may have left."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.written:
            raise StopAsyncIteration
        if self.left <= 0:
            raise DeadlinePassed
        self.written = True
        if not self._content:
            raise StopAsyncIteration
        return self._content

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - self._monotonic()

    def failure(self, cause: Cause) -> Failure:
        """Two locks: nothing was written by our own account, and the cause is one we know."""
        unsent = not self.written and cause is not Cause.UNEXPECTED
        return Failure(fate=Fate.NOT_SENT if unsent else Fate.PERHAPS_SENT, cause=cause.value)

    def timed_out(self) -> Failure:
        if self.waiting:
            return self.failure(Cause.POOL_TIMEOUT)
        return self.failure(Cause.READ_TIMEOUT if self.written else Cause.CONNECT_TIMEOUT)


class HttpClient:
    """Connections to one provider account: no redirects, cookies, proxies of the environment or retries.

    `timeout_s` bounds a whole call, waiting for a connection included; `connect_s` the way to a connection.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        max_connections: int = 100,
        keepalive_s: float = KEEPALIVE_S,
        connect_s: float = CONNECT_S,
        verify: ssl.SSLContext | bool = True,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._timeout_s = timeout_s
        self._connect_s = min(connect_s, timeout_s)
        self._keepalive_s = keepalive_s
        self._limit = max_connections
        self._verify = verify
        self._monotonic = monotonic
        self._slots = asyncio.Semaphore(max_connections)
        self._transport: httpx_aiohttp.AiohttpTransport | None = None

    async def open(self) -> None:
        """Bind to the running loop. Opening twice is harmless."""
        if self._transport is None:
            context = _context(self._verify)
            session = self._session(context)
            self._transport = httpx_aiohttp.AiohttpTransport(verify=context, trust_env=False, client=session)

    def _session(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=context, limit=self._limit, keepalive_timeout=self._keepalive_s)
        # The transport gives each request its own timeouts; ours bounds the whole.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    async def aclose(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def prepare(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes = b"") -> Prepared:
        """A request to be called. `headers` should name the content type; the length is added."""
        ours = {"user-agent": "duecourse", "accept-encoding": "identity", "content-length": str(len(content))}
        return Prepared(method=method, url=_parsed(url), headers={**ours, **headers}, content=content)

    async def call(self, request: Prepared, *, deadline: float) -> Answer | Failure:
        """Send once. No byte is written after `deadline` (monotonic seconds). Raises nothing but a cancellation."""
        body = _Body(request.content, deadline, self._monotonic)
        if body.left <= 0:
            return body.failure(Cause.DEADLINE)
        try:
            async with asyncio.timeout(self._timeout_s), self._slot(body):
                return await self._exchange(request, body)
        except TimeoutError as exc:
            cause = cause_of(exc)
            return body.timed_out() if cause is Cause.UNEXPECTED else body.failure(cause)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the request was or was not written
            return body.failure(cause_of(exc))

    @asynccontextmanager
    async def _slot(self, body: _Body) -> AsyncIterator[None]:
        """One of our connections. Waiting for it ends at the deadline, as nothing could be sent after it."""
        if self._slots.locked():
            async with asyncio.timeout(body.left):
                await self._slots.acquire()
        else:
            await self._slots.acquire()
        body.waiting = False
        try:
            yield
        finally:
            self._slots.release()

    async def _exchange(self, request: Prepared, body: _Body) -> Answer | Failure:
        if self._transport is None:
            raise RuntimeError("the client is not open")
        patience = min(self._connect_s, max(body.left, 0.001))
        timeouts = {"connect": patience, "pool": patience, "read": self._timeout_s}
        raw = httpx.Request(
            request.method, request.url, headers=request.headers, stream=body, extensions={"timeout": timeouts}
        )
        response = await self._transport.handle_async_request(raw)
        try:
            content = await _read(response)
        finally:
            await response.aclose()
        if content is None:
            return body.failure(Cause.TOO_LARGE)
        return Answer(status=response.status_code, headers=response.headers, body=content)


async def _read(response: httpx.Response) -> bytes | None:
    content = b""
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > MAX_BODY:
            return None
    return content


@lru_cache(maxsize=8)
def _context(verify: ssl.SSLContext | bool) -> ssl.SSLContext:  # noqa: FBT001 - httpx's own word
    """Reading the authorities' certificates takes 40 ms: once per process, not per account."""
    return httpx.create_ssl_context(verify=verify, trust_env=False)


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)
