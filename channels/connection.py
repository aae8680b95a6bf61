"""One connection to a provider: one request at a time, and its whole answer or the reason why there is none.

Ours, so that "may a byte of it have left" is known exactly: bytes leave in `send` and what follows it, nowhere else.
"""

import asyncio
import select
from collections.abc import AsyncIterator

import httptools
import httpx

from channels.causes import Cause, Unanswered

#: A provider's answer is a few hundred bytes; more than this is not one.
MAX_BODY = 1 << 20
MAX_HEAD = 1 << 16
#: A head, a body, and as much again for the frames of its chunks and what follows them.
_MAX_RECEIVED = MAX_HEAD + 2 * MAX_BODY
#: Written at once; the rest as the other side takes it.
_PIECE = 1 << 16
_OK = 200
_SWITCHING_PROTOCOLS = 101
_FRAMED_BY = frozenset({b"content-length", b"transfer-encoding"})


class Whole(httpx.AsyncByteStream):
    """A body that is all here, in httpx's terms. Read in pieces, so that little of what is packed unpacks at once."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), _PIECE):
            yield self.content[start : start + _PIECE]


class Connection(asyncio.Protocol):
    """HTTP/1.1 over one connection. The methods are the pool's, then asyncio's, then the parser's."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        # Slips of real servers that leave no doubt about where an answer ends.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self._poll = select.poll()
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._head_only = self._keep = False
        self._unwritten = memoryview(b"")
        self._paused = False
        self._expires = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._expect_head()
        self.fit = True
        """Whether it may carry another request."""
        self.idle_since = self._loop.time()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Done once the connection is gone."""

    def _expect_head(self) -> None:
        self._status = self._received = self._size = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._complete = False

    def quiet(self) -> bool:
        """Fit, and nothing waits to be read: that would be a hang-up, or an answer to no request of ours."""
        return self.fit and not self._poll.poll(0)

    def send(self, head: bytes, body: bytes, *, expires: float, head_only: bool) -> asyncio.Future[httpx.Response]:
        """Write a request. The future is its answer, or Unanswered once the loop's clock shows `expires`.

        `head_only` says that the answer has no body whatever its length is: that of HEAD.

        Raises:
            Unanswered: the other side hung up before.
        """
        if not self.fit or self._transport.is_closing():
            raise Unanswered(Cause.DISCONNECTED, written=False)
        self._expect_head()
        self.fit = False
        self._head_only = head_only
        self._answer = answer = self._loop.create_future()
        self._expires = expires
        if self._timer is None:
            self._timer = self._loop.call_at(expires, self._on_time)
        self._write(head, body)
        return answer

    def _write(self, head: bytes, body: bytes) -> None:
        if len(body) <= _PIECE:
            self._transport.write(head + body)
            return
        self._transport.write(head)
        self._unwritten = memoryview(body)
        self.resume_writing()

    def _on_time(self) -> None:
        """One timer serves many requests: it is set anew only when it goes off too early for the present one."""
        self._timer = None
        if self._answer is None:
            return
        if self._loop.time() < self._expires:
            self._timer = self._loop.call_at(self._expires, self._on_time)
        else:
            self._fail(Cause.READ_TIMEOUT)

    def close(self) -> None:
        self.fit = False
        self._transport.close()

    def abort(self) -> None:
        """Close without a word, and without writing what is not written."""
        self.fit = False
        self._unwritten = memoryview(b"")
        self._transport.abort()

    def _succeed(self, *, keep: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            response = httpx.Response(self._status, headers=self._headers, stream=Whole(b"".join(self._body)))
            # Said, so that httpx need not try which one it is for every answer.
            response.headers.encoding = "iso-8859-1"
            answer.set_result(response)
        # Where the answer came before all of the request was written, the next answer could be to its rest.
        self.fit = keep and not self._unwritten and not self._transport.get_write_buffer_size()
        if self.fit:
            self.idle_since = self._loop.time()
        else:
            self.abort()

    def _fail(self, cause: Cause) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(Unanswered(cause, written=True))
        self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        while self._unwritten and not self._paused:
            piece, self._unwritten = self._unwritten[:_PIECE], self._unwritten[_PIECE:]
            self._transport.write(piece)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            # To no request, or to one that nobody waits for any more.
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            sound = False
        else:
            sound = True
        if self._too_large():
            self._fail(Cause.TOO_LARGE)
        elif self._complete:
            self._succeed(keep=sound and self._keep)
        elif not sound:
            self._fail(Cause.GARBAGE)

    def _too_large(self) -> bool:
        if self._size > MAX_BODY or self._received > _MAX_RECEIVED:
            return True
        return not self._status and self._received > MAX_HEAD

    def eof_received(self) -> None:
        self.fit = False
        if self._answer is None:
            return
        if self._status and not any(name.lower() in _FRAMED_BY for name, _ in self._headers):
            self._succeed(keep=False)
        else:
            self._fail(Cause.TRUNCATED if self._status else Cause.DISCONNECTED)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.fit = False
        if self._answer is not None:
            broken = Cause.DISCONNECTED if exc is None else Cause.RESET
            self._fail(Cause.TRUNCATED if self._status else broken)
        if not self.lost.done():
            self.lost.set_result(None)

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        # After the head these are the trailers of a chunked body.
        if not self._status:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _OK and status != _SWITCHING_PROTOCOLS:
            self._headers.clear()
            return
        self._status = status
        if self._head_only:
            self._complete, self._keep = True, False

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= MAX_BODY and not self._head_only:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._status and not self._complete:
            self._complete, self._keep = True, self._parser.should_keep_alive()
