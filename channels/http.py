"""One call to a provider over HTTP, and whether it was surely not sent: the one thing adapters know of HTTP.

A request counts as unsent if our transport says that it wrote no byte of it, and says why in a word we know.
"""

import ssl
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Self

import httpx

from channels.causes import Cause, DeadlinePassed, Unanswered
from channels.connection import MAX_BODY, Reply
from channels.pool import Limits, Pool
from channels.request import Address, Lines, address_of, head_of, lines_of
from duecourse.domain.clock import Monotonic

__all__ = ["MAX_BODY", "Answer", "Cause", "DeadlinePassed", "Failure", "Fate", "HttpClient", "Limits", "Prepared"]

_LIMITS = Limits()
#: Unpacked as much at once, so that little of what is packed unpacks to much.
_PIECE = 1 << 16
_EVERY_REQUEST = {"user-agent": "duecourse", "accept-encoding": "identity"}


class Fate(StrEnum):
    """What may have become of a request that has no usable response."""

    NOT_SENT = "not_sent"
    """No byte of it was written."""
    PERHAPS_SENT = "perhaps_sent"


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
    address: Address | None = field(repr=False)
    """None where the URL is none."""
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


class HttpClient:
    """Connections to one provider account: no redirects, cookies, proxies of the environment or retries.

    `timeout_s` bounds a whole call, waiting for a connection included. `headers` are those of every request.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        limits: Limits = _LIMITS,
        verify: ssl.SSLContext | bool = True,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._headers = {**_EVERY_REQUEST, **(headers or {})}
        self._timeout_s = timeout_s
        self._limits = limits
        self._verify = verify
        self._monotonic = monotonic
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Bind to the running loop. Opening twice is harmless."""
        if self._pool is None:
            self._pool = Pool(
                context=_context(self._verify),
                timeout_s=self._timeout_s,
                limits=self._limits,
                monotonic=self._monotonic,
            )

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def prepare(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes = b"") -> Prepared:
        """A request to be called. `headers`, beside those of the client, should name the content type."""
        return Prepared(method=method, address=address_of(url), headers=headers, content=content)

    async def call(self, request: Prepared, *, deadline: float) -> Answer | Failure:
        """Send once. No byte is written after `deadline` (monotonic seconds). Raises nothing but a cancellation."""
        if deadline <= self._monotonic():
            return failure(Cause.DEADLINE, written=False)
        if request.address is None:
            return failure(Cause.BAD_REQUEST, written=False)
        try:
            return _answer(await self._exchange(request, request.address, deadline))
        except Unanswered as exc:
            return failure(exc.cause, written=exc.written)
        except httpx.DecodingError:
            return failure(Cause.GARBAGE, written=True)
        except Exception:  # noqa: BLE001 - whatever it is, it proves nothing
            return failure(Cause.UNEXPECTED, written=True)

    def _exchange(self, request: Prepared, address: Address, deadline: float) -> Awaitable[Reply]:
        if self._pool is None:
            raise RuntimeError("the client is not open")
        lines = {**self._lines, **lines_of(request.headers)}
        head = head_of(request.method, address, lines, len(request.content))
        head_only = request.method == "HEAD"
        return self._pool.call(address.origin, head, request.content, deadline=deadline, head_only=head_only)

    @cached_property
    def _lines(self) -> Lines:
        """Of every request."""
        return lines_of(self._headers)


def failure(cause: Cause, *, written: bool) -> Failure:
    """Two locks: nothing was written by our own account, and the cause is one we know."""
    unsent = not written and cause is not Cause.UNEXPECTED
    return Failure(fate=Fate.NOT_SENT if unsent else Fate.PERHAPS_SENT, cause=cause.value)


def _answer(reply: Reply) -> Answer | Failure:
    headers = _readable(reply.headers)
    # We ask for none that is packed.
    body = _unpacked(reply) if "content-encoding" in headers else reply.body
    if body is None:
        return failure(Cause.TOO_LARGE, written=True)
    return Answer(status=reply.status, headers=headers, body=body)


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """By lower-case names; what is said twice is a list (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


class _Pieces(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._content), _PIECE):
            yield self._content[start : start + _PIECE]


def _unpacked(reply: Reply) -> bytes | None:
    """None where it is too large unpacked."""
    content = b""
    for piece in httpx.Response(reply.status, headers=reply.headers, stream=_Pieces(reply.body)).iter_bytes():
        content += piece
        if len(content) > MAX_BODY:
            return None
    return content


@lru_cache(maxsize=8)
def _context(verify: ssl.SSLContext | bool) -> ssl.SSLContext:  # noqa: FBT001 - httpx's own word
    """Reading the authorities' certificates takes 40 ms: once per process, not per account."""
    return httpx.create_ssl_context(verify=verify, trust_env=False)
