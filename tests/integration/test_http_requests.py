"""Our own HTTP/1.1: how a request is written, and what is never written."""

import asyncio
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.causes import Unanswered
from channels.connection import MAX_BODY, Whole
from channels.http import Answer, Failure, Fate
from channels.pool import _head
from tests.calling import HASTY_S, SHORT, call, client_of, ignore, only, until
from tests.contract.wire import Line, behaved, self_signed, serving

#: More than the kernel's buffers on both sides hold.
LONG = b"x" * (16 << 20)


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


async def test_a_long_request_that_nobody_reads_is_not_all_in_a_buffer() -> None:
    async with serving(ignore) as wire, client_of(timeout_s=HASTY_S) as client:
        pending = asyncio.create_task(call(client, wire, content=LONG))
        await until(lambda: wire.connections == 1 and bool(client._pool and client._pool._open))
        await until(lambda: only(client)._paused)
        assert only(client)._transport.get_write_buffer_size() < 1 << 20
        assert await pending == Failure(fate=Fate.PERHAPS_SENT, cause="read_timeout")


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


async def test_long_bodies_pass_through_tls(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with serving(behaved(body=b"y" * MAX_BODY), server) as wire, client_of(verify=trusting) as client:
        answer = await call(client, wire, content=b"x" * (1 << 20))
    assert isinstance(answer, Answer)
    assert (len(answer.body), len(wire.requests[0].body)) == (MAX_BODY, 1 << 20)
