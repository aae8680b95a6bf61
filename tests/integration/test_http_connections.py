"""Our own HTTP/1.1: how answers begin and end, what a connection may carry, and what is never written."""

import asyncio
import gzip
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from channels.causes import Cause, Unanswered
from channels.connection import MAX_BODY, MAX_HEAD, Connection, Whole
from channels.http import Answer, Failure, Fate, HttpClient, Limits
from channels.pool import Pool, _head
from tests.contract.wire import Behaviour, Line, Wire, behaved, self_signed, serving

PATIENT_S = 10.0
HASTY_S = 0.3
SHORT = b'{"to": "canary"}'
#: More than the kernel's buffers on both sides hold.
LONG = b"x" * (16 << 20)


@asynccontextmanager
async def client_of(timeout_s: float = PATIENT_S, **options: Any) -> AsyncIterator[HttpClient]:
    async with HttpClient(timeout_s=timeout_s, **options) as client:
        yield client


async def call(
    client: HttpClient,
    wire: Wire | str,
    *,
    method: str = "POST",
    content: bytes = SHORT,
    headers: dict[str, str] | None = None,
) -> Answer | Failure:
    url = wire if isinstance(wire, str) else f"{wire.url}/messages"
    return await client.call(
        client.prepare(method, url, headers=headers or {}, content=content), deadline=time.monotonic() + 60.0
    )


def said(head: str, body: bytes = b"") -> Behaviour:
    """Answer each request with these bytes and leave the connection open."""

    async def behave(line: Line) -> None:
        while True:
            await line.request()
            line.write(head.replace("\n", "\r\n").encode() + body)

    return behave


def said_once(head: str, body: bytes = b"") -> Behaviour:
    """The same, and hang up."""

    async def behave(line: Line) -> None:
        await line.request()
        line.write(head.replace("\n", "\r\n").encode() + body)

    return behave


async def twice(behave: Behaviour, method: str = "POST") -> tuple[list[Answer], int]:
    """Two answers, and over how many connections."""
    async with serving(behave) as wire, client_of() as client:
        answers = [await call(client, wire, method=method) for _ in range(2)]
    assert all(isinstance(answer, Answer) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Answer)], wire.connections


async def once(behave: Behaviour, timeout_s: float = PATIENT_S) -> Answer | Failure:
    async with serving(behave) as wire, client_of(timeout_s) as client:
        return await call(client, wire)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not true():  # noqa: ASYNC110 - the server's view has no event to wait for
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("HTTP/1.1 200 OK\ncontent-length: 2\n\n", b"{}"),
        ("HTTP/1.1 200\ncontent-length: 2\n\n", b"{}"),
        ("HTTP/1.0 200 OK\nconnection: keep-alive\ncontent-length: 2\n\n", b"{}"),
        ("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n", b"1\r\n{\r\n1;name=value\r\n}\r\n0\r\n\r\n"),
        ("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n", b"2 \r\n{}\r\n0\r\n\r\n"),
        ("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\n", b"{}"),
        ("HTTP/1.1 103 Early Hints\nlink: </a>\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\n", b"{}"),
    ],
)
async def test_an_answer_that_says_where_it_ends_leaves_the_connection_for_the_next(head: str, body: bytes) -> None:
    answers, connections = await twice(said(head, body))
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"{}")] * 2
    assert "link" not in answers[1].headers
    assert connections == 1


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("HTTP/1.1 200 OK\nconnection: close\ncontent-length: 2\n\n", b"{}"),
        ("HTTP/1.0 200 OK\ncontent-length: 2\n\n", b"{}"),
        ("HTTP/1.1 200 OK\ncontent-length: 2\n\n", b"{}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nextra"),
        ("HTTP/1.1 200 OK\ncontent-length: 2\n\n", b"{}more"),
    ],
)
async def test_a_connection_that_is_at_its_end_or_says_too_much_is_not_used_again(head: str, body: bytes) -> None:
    answers, connections = await twice(said(head, body))
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"{}")] * 2
    assert connections == 2


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_answer_without_a_length_ends_with_its_connection(version: str) -> None:
    answers, connections = await twice(said_once(f"HTTP/{version} 200 OK\n\n", b"as far as it goes"))
    assert [answer.body for answer in answers] == [b"as far as it goes"] * 2
    assert connections == 2


async def test_an_answer_without_a_length_that_is_broken_off_is_none() -> None:
    async def behave(line: Line) -> None:
        await line.request()
        line.write(b"HTTP/1.1 200 OK\r\n\r\nas far")
        await line.writer.drain()
        line.reset()

    assert await once(behave) == Failure(fate=Fate.PERHAPS_SENT, cause="truncated")


async def test_a_chunked_answer_that_stops_before_its_last_chunk_is_none() -> None:
    behave = said_once("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n", b"2\r\n{}\r\n")
    assert await once(behave) == Failure(fate=Fate.PERHAPS_SENT, cause="truncated")


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 200 OK\ncontent-length: 2\ncontent-length: 3\n\n",
        "HTTP/1.1 200 OK\ncontent-length: 2\ntransfer-encoding: chunked\n\n",
        "HTTP/1.1 200 OK\ncontent-length: -2\n\n",
        "HTTP/1.1 200 OK\n no name\n\n",
        "SMTP/1.1 200 OK\n\n",
        "220 mail.example ESMTP\n",
    ],
)
async def test_an_answer_that_could_be_read_in_two_ways_is_none(head: str) -> None:
    assert await once(said(head, b"{}")) == Failure(fate=Fate.PERHAPS_SENT, cause="garbage")


@pytest.mark.parametrize(("status", "method"), [(204, "POST"), (304, "GET")])
async def test_some_answers_have_no_body_whatever_their_length(status: int, method: str) -> None:
    answers, connections = await twice(said(f"HTTP/1.1 {status} X\ncontent-length: 5\n\n"), method)
    assert [(answer.status, answer.body) for answer in answers] == [(status, b"")] * 2
    assert connections == 1


async def test_the_answer_to_head_has_no_body() -> None:
    answers, _ = await twice(said("HTTP/1.1 200 OK\ncontent-length: 5\n\n"), "HEAD")
    assert [(answer.body, answer.headers["content-length"]) for answer in answers] == [(b"", "5")] * 2


async def test_a_change_of_protocol_that_nobody_asked_for_ends_the_connection() -> None:
    head = "HTTP/1.1 101 Switching Protocols\nconnection: upgrade\nupgrade: other\n\n"
    answers, connections = await twice(said(head, b"\x00\x01"))
    assert [answer.status for answer in answers] == [101, 101]
    assert connections == 2


async def test_an_answer_may_come_byte_by_byte_and_its_trailers_belong_to_nobody() -> None:
    whole = b"HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nretry-after: 9\r\n\r\n"

    async def behave(line: Line) -> None:
        while True:
            await line.request()
            for byte in whole:
                line.write(bytes([byte]))
                await line.writer.drain()
                await asyncio.sleep(0)

    answers, connections = await twice(behave)
    assert [(answer.body, answer.headers["x"]) for answer in answers] == [(b"{}", "y")] * 2
    assert ["retry-after" in answer.headers for answer in answers] == [False, False]
    assert connections == 1


async def test_a_body_may_be_as_large_as_the_bound_and_no_larger() -> None:
    answer = await once(behaved(body=b"x" * MAX_BODY))
    assert isinstance(answer, Answer)
    assert len(answer.body) == MAX_BODY
    assert await once(said_once("HTTP/1.1 200 OK\n\n", b"x" * (MAX_BODY + 1))) == Failure(
        fate=Fate.PERHAPS_SENT, cause="too_large"
    )


async def _forever(line: Line, first: bytes, more: bytes) -> None:
    await line.request()
    line.write(first)
    while not line.reader.at_eof():
        line.write(more)
        await line.writer.drain()


async def _long_header(line: Line) -> None:
    await _forever(line, b"HTTP/1.1 200 OK\r\nx: ", b"y" * MAX_HEAD)


async def _many_headers(line: Line) -> None:
    await _forever(line, b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 1000)


async def _many_hints(line: Line) -> None:
    await _forever(line, b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 1000)


async def _long_trailer(line: Line) -> None:
    await _forever(line, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ", b"y" * MAX_HEAD)


@pytest.mark.parametrize("behave", [_long_header, _many_headers, _many_hints, _long_trailer])
async def test_nothing_of_an_answer_is_endless(behave: Behaviour) -> None:
    result = await once(behave)
    assert isinstance(result, Failure)
    # The parser itself has a bound for a header's length.
    assert (result.fate, result.cause) in {(Fate.PERHAPS_SENT, "too_large"), (Fate.PERHAPS_SENT, "garbage")}


async def test_a_packed_answer_is_unpacked_within_the_bound() -> None:
    packed = behaved(body=gzip.compress(b'{"id": "m"}'), headers={"content-encoding": "gzip"})
    answer = await once(packed)
    assert isinstance(answer, Answer)
    assert answer.body == b'{"id": "m"}'
    bomb = behaved(body=gzip.compress(b"x" * (MAX_BODY + 1)), headers={"content-encoding": "gzip"})
    assert await once(bomb) == Failure(fate=Fate.PERHAPS_SENT, cause="too_large")


async def _kept(behave: Behaviour, act: Callable[[int], None], client: HttpClient) -> tuple[Answer | Failure, Wire]:
    """Make a call, let the server do something to the idle connection that our loop has not seen, and call again."""
    lines: list[Line] = []

    async def remember(line: Line) -> None:
        lines.append(line)
        await behave(line)

    async with serving(remember) as wire:
        assert isinstance(await call(client, wire), Answer)
        server_side: socket.socket = lines[0].writer.get_extra_info("socket")
        act(server_side.fileno())
        return await call(client, wire), wire


def _answer_unasked(line: int) -> None:
    os.write(line, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nwrong!")


def _hang_up(line: int) -> None:
    with socket.socket(fileno=os.dup(line)) as ours:
        ours.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("act", [_answer_unasked, _hang_up])
async def test_a_kept_connection_with_something_to_read_carries_no_request(act: Callable[[int], None]) -> None:
    async with client_of() as client:
        result, wire = await _kept(behaved(body=b"right"), act, client)
    assert isinstance(result, Answer)
    assert result.body == b"right"
    assert (len(wire.requests), wire.connections) == (2, 2)


async def test_an_answer_to_no_request_closes_the_idle_connection_at_once() -> None:
    gone = asyncio.Event()

    async def answer_twice(line: Line) -> None:
        await line.request()
        line.answer()
        await line.writer.drain()
        _answer_unasked(line.writer.get_extra_info("socket").fileno())
        await line.hung_up()
        gone.set()

    async with serving(answer_twice) as wire, client_of() as client:
        assert isinstance(await call(client, wire), Answer)
        async with asyncio.timeout(PATIENT_S):
            await gone.wait()


async def test_an_idle_connection_past_its_time_carries_no_request() -> None:
    async with serving(behaved()) as wire, client_of(limits=Limits(keepalive_s=0.0)) as client:
        for _ in range(3):
            assert isinstance(await call(client, wire), Answer)
    assert wire.connections == 3


async def test_a_long_request_arrives_whole_and_waits_for_a_slow_reader() -> None:
    async def read_slowly(line: Line) -> None:
        while len(line.wire.requests) < 2:
            head = await line.reader.readuntil(b"\r\n\r\n")
            left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            assert left == len(LONG)
            while left:
                piece = await line.reader.read(100_000)
                assert piece.strip(b"x") == b""
                left -= len(piece)
            line.wire.requests.append(head)  # type: ignore[arg-type]  # only counted
            line.answer()

    async with serving(read_slowly) as wire, client_of() as client:
        for _ in range(2):
            assert isinstance(await call(client, wire, content=LONG), Answer)
    assert wire.connections == 1


def _only(client: HttpClient) -> Connection:
    assert client._pool is not None
    (connection,) = client._pool._open
    return connection


async def test_a_long_request_that_nobody_reads_is_not_all_in_a_buffer() -> None:
    async with serving(_ignore) as wire, client_of(timeout_s=HASTY_S) as client:
        pending = asyncio.create_task(call(client, wire, content=LONG))
        await until(lambda: wire.connections == 1 and bool(client._pool and client._pool._open))
        await until(lambda: _only(client)._paused)
        assert _only(client)._transport.get_write_buffer_size() < 1 << 20
        assert await pending == Failure(fate=Fate.PERHAPS_SENT, cause="read_timeout")


async def _ignore(line: Line) -> None:
    line.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's
    await asyncio.Event().wait()


async def test_an_early_answer_counts_and_its_connection_ends() -> None:
    async def refuse_unread(line: Line) -> None:
        head = await line.reader.readuntil(b"\r\n\r\n")
        if str(len(LONG)).encode() in head:
            line.answer(413)
            await line.hung_up()
        else:
            await line.reader.readexactly(len(SHORT))
            line.answer(200)

    async with serving(refuse_unread) as wire, client_of() as client:
        refused = await call(client, wire, content=LONG)
        accepted = await call(client, wire)
    assert isinstance(refused, Answer)
    assert isinstance(accepted, Answer)
    assert (refused.status, accepted.status, wire.connections) == (413, 200, 2)


@pytest.mark.parametrize(
    "value", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "\r\n\r\nGET / HTTP/1.1", "snow☃", "\ud800"]
)
async def test_a_header_s_value_can_begin_no_line(value: str) -> None:
    async with serving(behaved()) as wire, client_of() as client:
        result = await call(client, wire, headers={"key": value})
    assert result == Failure(fate=Fate.NOT_SENT, cause="bad_request")
    assert wire.connections == 0


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "a\0", "ä", "(a)"])
async def test_a_header_s_name_is_a_name(name: str) -> None:
    async with serving(behaved()) as wire, client_of() as client:
        result = await call(client, wire, headers={name: "value"})
    assert result == Failure(fate=Fate.NOT_SENT, cause="bad_request")
    assert wire.connections == 0


@pytest.mark.parametrize("method", ["", "GET /", "GET\r\n", "GET\0"])
async def test_a_method_is_a_word(method: str) -> None:
    async with serving(behaved()) as wire, client_of() as client:
        result = await call(client, wire, method=method)
    assert result == Failure(fate=Fate.NOT_SENT, cause="bad_request")
    assert wire.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "//127.0.0.1/",
        "ftp://127.0.0.1/",
        "http://",
        "http://[::1/",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1/\r\nx-evil: 1",
        "http://127.0.0.1/\0",
        "http://127.0.0.1\r\n/",
        "http://" + "a" * 64 + ".example/",
    ],
)
async def test_an_address_that_is_none_is_not_called(url: str) -> None:
    async with client_of() as client:
        assert await call(client, url) == Failure(fate=Fate.NOT_SENT, cause="bad_request")


async def test_what_an_address_may_not_hold_is_escaped() -> None:
    async with serving(behaved()) as wire, client_of() as client:
        assert isinstance(await call(client, f"{wire.url}/a b?c=d e&f=ä#part"), Answer)
    assert wire.requests[0].target == "/a%20b?c=d%20e&f=%C3%A4"


TEXTS = st.text(st.characters(max_codepoint=255), max_size=20)


@given(method=TEXTS, pairs=st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_what_is_written_has_as_many_lines_as_headers_whatever_they_hold(
    method: str, pairs: list[tuple[str, str]]
) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    request = httpx.Request(method, "http://127.0.0.1/a", headers=headers, stream=Whole(b""))
    try:
        head = _head(request, 7)
    except Unanswered:
        return
    assert head.endswith(b"\r\n\r\n")
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert lines[1:3] == [b"host: 127.0.0.1", b"content-length: 7"]
    assert lines[3:] == [name + b": " + value for name, value in headers]
    assert not any(control in b"".join(lines) for control in (b"\r", b"\n", b"\0"))


def test_what_follows_from_the_request_is_not_for_others_to_say() -> None:
    claims = {"Host": "evil.example", "Content-Length": "5", "Transfer-Encoding": "chunked", "x": "y"}
    head = _head(httpx.Request("POST", "http://127.0.0.1/a", headers=claims, stream=Whole(b"")), 7)
    assert head == b"POST /a HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 7\r\nx: y\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://x.example/a", "x.example"),
        ("https://x.example:443/a", "x.example"),
        ("http://x.example:8080/", "x.example:8080"),
        ("http://[::1]:80/", "[::1]"),
        ("http://user:canary@x.example/", "x.example"),
    ],
)
def test_the_host_is_named_as_the_address_names_it(url: str, host: str) -> None:
    head = _head(httpx.Request("POST", url, stream=Whole(b"")), 0)
    assert f"\r\nhost: {host}\r\n".encode() in head


async def test_accounts_share_a_client_but_no_connection() -> None:
    async with serving(behaved(body=b"one")) as one, serving(behaved(body=b"two")) as two, client_of() as client:
        for _ in range(2):
            for wire, body in ((one, b"one"), (two, b"two")):
                answer = await call(client, wire)
                assert isinstance(answer, Answer)
                assert answer.body == body
    assert (one.connections, two.connections) == (1, 1)


async def test_a_name_is_tried_at_all_its_addresses() -> None:
    """`localhost` is often ::1 first, where nobody listens here."""
    async with serving(behaved()) as wire, client_of() as client:
        answers = await asyncio.gather(*(call(client, f"http://localhost:{wire.port}/") for _ in range(5)))
    assert all(isinstance(answer, Answer) for answer in answers)


class Resolver(ThreadPoolExecutor):
    """Where the event loop looks names up: counts, and answers nobody until `let_go`."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._gate = threading.Event()
        self.asked = 0
        super().submit(self._gate.wait)

    def submit(self, *args: Any, **options: Any) -> Any:
        self.asked += 1
        return super().submit(*args, **options)

    def let_go(self) -> None:
        self._gate.set()


@asynccontextmanager
async def slow_resolver() -> AsyncIterator[Resolver]:
    resolver = Resolver()
    asyncio.get_running_loop().set_default_executor(resolver)
    try:
        yield resolver
    finally:
        resolver.let_go()


async def test_a_name_is_looked_up_once_for_all_who_ask() -> None:
    behave = behaved(headers={"connection": "close"})
    async with slow_resolver() as resolver, serving(behave) as wire, client_of() as client:
        url = f"http://localhost:{wire.port}/"
        impatient = await client.call(client.prepare("GET", url, headers={}), deadline=time.monotonic() + 0.05)
        assert impatient == Failure(fate=Fate.NOT_SENT, cause="connect_timeout")
        pending = [asyncio.create_task(call(client, url)) for _ in range(5)]
        await asyncio.sleep(0)
        resolver.let_go()
        answers = await asyncio.gather(*pending)
        answers += [await call(client, url) for _ in range(3)]
    assert all(isinstance(answer, Answer) for answer in answers)
    assert (wire.connections, resolver.asked) == (8, 1)


async def test_closing_the_client_ends_the_calls_that_wait_for_an_address() -> None:
    async with slow_resolver() as resolver, client_of() as client:
        pending = asyncio.create_task(call(client, "http://localhost:9/"))
        await until(lambda: resolver.asked == 1)
        await client.aclose()
        assert await pending == Failure(fate=Fate.NOT_SENT, cause="connect_error")


async def test_a_line_may_end_without_a_carriage_return() -> None:
    async def behave(line: Line) -> None:
        while True:
            await line.request()
            line.write(b"HTTP/1.1 200 OK\nx: y\ncontent-length: 2\n\n{}")

    answers, connections = await twice(behave)
    assert [(answer.body, answer.headers["x"]) for answer in answers] == [(b"{}", "y")] * 2
    assert connections == 1


async def test_a_certificate_for_another_name_is_not_sent_to(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with serving(behaved(), server) as wire, client_of(verify=trusting) as client:
        for _ in range(2):
            assert isinstance(await call(client, wire), Answer)
        result = await call(client, f"https://localhost:{wire.port}/")
    assert result == Failure(fate=Fate.NOT_SENT, cause="tls")
    assert len(wire.requests) == 2


async def test_long_bodies_pass_through_tls(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with serving(behaved(body=b"y" * MAX_BODY), server) as wire, client_of(verify=trusting) as client:
        answer = await call(client, wire, content=b"x" * (1 << 20))
    assert isinstance(answer, Answer)
    assert (len(answer.body), len(wire.requests[0].body)) == (MAX_BODY, 1 << 20)


async def test_no_more_connections_than_allowed_and_everybody_has_a_turn() -> None:
    async with serving(behaved()) as wire, client_of(limits=Limits(connections=3)) as client:
        answers = await asyncio.gather(*(call(client, wire) for _ in range(60)))
        assert client._pool is not None
        assert client._pool._free == 3
    assert all(isinstance(answer, Answer) for answer in answers)
    assert (len(wire.requests), wire.connections) == (60, 3)


def pool_of(connections: int) -> Pool:
    return Pool(context=ssl.create_default_context(), timeout_s=PATIENT_S, limits=Limits(connections=connections))


async def test_a_cancelled_wait_gives_its_turn_to_the_next() -> None:
    pool = pool_of(0)
    later = pool._loop.time() + PATIENT_S
    first, second = (asyncio.create_task(pool._turn(math.inf, later)) for _ in range(2))
    await until(lambda: len(pool._waiting) == 2)
    pool._pass_on()
    # Its turn has come, and it does not know yet.
    first.cancel()
    await second
    assert first.cancelled()
    assert pool._free == 0


async def test_a_wait_that_is_cancelled_before_its_turn_takes_none() -> None:
    pool = pool_of(0)
    waiting = asyncio.create_task(pool._turn(math.inf, pool._loop.time() + PATIENT_S))
    await until(lambda: len(pool._waiting) == 1)
    waiting.cancel()
    await asyncio.wait([waiting])
    pool._pass_on()
    assert pool._free == 1


async def test_a_call_that_is_cancelled_while_connecting_leaves_nothing_behind() -> None:
    async def say_nothing(line: Line) -> None:
        await line.hung_up()

    async with serving(say_nothing) as wire, client_of(limits=Limits(connections=1)) as client:
        pending = asyncio.create_task(call(client, wire.url.replace("http:", "https:")))
        await until(lambda: wire.connections == 1)
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
        assert client._pool is not None
        assert (client._pool._free, len(client._pool._open)) == (1, 0)


async def test_closing_the_client_ends_the_calls_that_wait_for_an_answer() -> None:
    async with serving(_ignore) as wire, client_of() as client:
        pending = asyncio.create_task(call(client, wire))
        await until(lambda: wire.connections == 1)
        await until(lambda: bool(client._pool and client._pool._open))
        await client.aclose()
        assert await pending == Failure(fate=Fate.PERHAPS_SENT, cause="disconnected")


async def test_a_connection_that_ended_before_a_byte_was_written_has_sent_nothing() -> None:
    async with serving(behaved()) as wire, client_of() as client:
        assert isinstance(await call(client, wire), Answer)
        connection = _only(client)
        connection.abort()
        with pytest.raises(Unanswered) as refused:
            connection.send(b"", b"", expires=0.0, head_only=False)
    assert (refused.value.cause, refused.value.written) == (Cause.DISCONNECTED, False)


async def test_any_httpx_client_may_use_the_transport() -> None:
    pool = pool_of(1)
    async with serving(behaved(body=b"{}")) as wire, httpx.AsyncClient(transport=pool) as client:
        request = httpx.Request("POST", wire.url, headers={"host": "x", "content-length": "2"}, stream=Whole(b"{}"))
        response = await client.send(request)
    assert (response.status_code, response.json(), wire.requests[0].body) == (200, {}, b"{}")


@pytest.mark.parametrize(
    "scenario",
    [
        test_the_answer_to_head_has_no_body,
        test_an_answer_without_a_length_that_is_broken_off_is_none,
        test_an_answer_may_come_byte_by_byte_and_its_trailers_belong_to_nobody,
        test_a_body_may_be_as_large_as_the_bound_and_no_larger,
        test_an_answer_to_no_request_closes_the_idle_connection_at_once,
        test_a_long_request_arrives_whole_and_waits_for_a_slow_reader,
        test_a_long_request_that_nobody_reads_is_not_all_in_a_buffer,
        test_an_early_answer_counts_and_its_connection_ends,
        test_a_name_is_tried_at_all_its_addresses,
        test_no_more_connections_than_allowed_and_everybody_has_a_turn,
        test_a_call_that_is_cancelled_while_connecting_leaves_nothing_behind,
        test_closing_the_client_ends_the_calls_that_wait_for_an_answer,
    ],
    ids=lambda scenario: scenario.__name__.removeprefix("test_"),
)
def test_the_other_event_loop_tells_the_same(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
