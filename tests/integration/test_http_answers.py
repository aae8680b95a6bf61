"""Our own HTTP/1.1: where an answer begins and ends, and which is none."""

import asyncio
import gzip

import pytest

from channels.connection import MAX_BODY, MAX_HEAD
from channels.http import Answer, Failure, Fate
from tests.calling import PATIENT_S, call, client_of
from tests.contract.wire import Behaviour, Line, behaved, serving


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


async def test_a_line_may_end_without_a_carriage_return() -> None:
    async def behave(line: Line) -> None:
        while True:
            await line.request()
            line.write(b"HTTP/1.1 200 OK\nx: y\ncontent-length: 2\n\n{}")

    answers, connections = await twice(behave)
    assert [(answer.body, answer.headers["x"]) for answer in answers] == [(b"{}", "y")] * 2
    assert connections == 1
