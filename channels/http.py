"""One call to a provider over HTTP, and whether it was surely not sent: the one thing adapters know of HTTP.

A request counts as unsent if our transport says that it wrote no byte of it, and says why in a word we know.
"""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Self

import httpx

from channels.causes import Cause, DeadlinePassed, Unanswered
from channels.connection import MAX_BODY, Whole
from channels.pool import Limits, Pool
from duecourse.domain.clock import Monotonic
from duecourse.domain.value import value

__all__ = ["MAX_BODY", "Answer", "Cause", "DeadlinePassed", "Failure", "Fate", "HttpClient", "Limits", "Prepared"]

_LIMITS = Limits()
_EVERY_REQUEST = {"user-agent": "duecourse", "accept-encoding": "identity"}


class Fate(StrEnum):
    """What may have become of a request that has no usable response."""

    NOT_SENT = "not_sent"
    """No byte of it was written."""
    PERHAPS_SENT = "perhaps_sent"


@value
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


@value
class Prepared:
    """A request that can be called once or more often. `repr` shows its method only."""

    method: str
    url: httpx.URL | None = field(repr=False)
    """None where it is none."""
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
        self._headers = httpx.Headers({**_EVERY_REQUEST, **(headers or {})})
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
        return Prepared(method=method, url=_parsed(url), headers=headers, content=content)

    async def call(self, request: Prepared, *, deadline: float) -> Answer | Failure:
        """Send once. No byte is written after `deadline` (monotonic seconds). Raises nothing but a cancellation."""
        if deadline <= self._monotonic():
            return failure(Cause.DEADLINE, written=False)
        if request.url is None:
            return failure(Cause.BAD_REQUEST, written=False)
        try:
            return await self._exchange(request, request.url, deadline)
        except Unanswered as exc:
            return failure(exc.cause, written=exc.written)
        except httpx.DecodingError:
            return failure(Cause.GARBAGE, written=True)
        except Exception:  # noqa: BLE001 - whatever it is, it proves nothing
            return failure(Cause.UNEXPECTED, written=True)

    async def _exchange(self, request: Prepared, url: httpx.URL, deadline: float) -> Answer | Failure:
        if self._pool is None:
            raise RuntimeError("the client is not open")
        stream, extensions = Whole(request.content), {"deadline": deadline}
        raw = httpx.Request(request.method, url, headers=self._headers, stream=stream, extensions=extensions)
        _add(raw.headers, request.headers)
        response = await self._pool.handle_async_request(raw)
        content = await _content(response)
        if content is None:
            return failure(Cause.TOO_LARGE, written=True)
        return Answer(status=response.status_code, headers=response.headers, body=content)


def _add(headers: httpx.Headers, more: Mapping[str, str]) -> None:
    try:
        for name, value in more.items():
            headers[name] = value
    except UnicodeError as exc:
        raise Unanswered(Cause.BAD_REQUEST, written=False) from exc


def failure(cause: Cause, *, written: bool) -> Failure:
    """Two locks: nothing was written by our own account, and the cause is one we know."""
    unsent = not written and cause is not Cause.UNEXPECTED
    return Failure(fate=Fate.NOT_SENT if unsent else Fate.PERHAPS_SENT, cause=cause.value)


async def _content(response: httpx.Response) -> bytes | None:
    """The answer's body; None where it is too large unpacked. We ask for none that is packed."""
    if isinstance(response.stream, Whole) and "content-encoding" not in response.headers:
        return response.stream.content
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
def _parsed(url: str) -> httpx.URL | None:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        return None
