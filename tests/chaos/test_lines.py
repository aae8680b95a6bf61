"""The line that the harness cuts: whole it changes nothing, silent it keeps, deaf it loses the answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from duecourse.simulator.chaos.lines import Line, running_line, to_port
from tests.conftest import Eventually


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says everything back, and what it heard."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            heard.append(data)
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], heard
    server.close()


@pytest.fixture
async def whole() -> AsyncIterator[tuple[Line, asyncio.StreamReader, asyncio.StreamWriter, list[bytes]]]:
    async with echo() as (port, heard), running_line(to_port(port)) as line:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        yield line, reader, writer, heard
        writer.close()


Whole = tuple[Line, asyncio.StreamReader, asyncio.StreamWriter, list[bytes]]


async def test_what_is_said_on_a_silent_line_arrives_once_it_is_mended(whole: Whole) -> None:
    line, reader, writer, heard = whole
    async with line.silent():
        writer.write(b"late")
        _, new = await asyncio.open_connection("127.0.0.1", line.port)
        new.write(b"newer")
        for _ in range(20):
            await asyncio.sleep(0)
        assert heard == [b"hello"]
    assert await reader.readexactly(4) == b"late"
    assert line.passed >= len(b"hellolate")
    new.close()


async def test_a_deaf_line_carries_the_question_and_loses_the_answer(whole: Whole, eventually: Eventually) -> None:
    line, reader, writer, heard = whole
    async with line.deaf():
        writer.write(b"commit")
        await eventually(partial(_has, heard, b"commit"))
    assert await reader.read() == b""


async def test_a_server_that_is_away_is_a_connection_that_ends() -> None:
    async with echo() as (port, _):
        pass
    async with running_line(to_port(port)) as line:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        assert await reader.read() == b""
        writer.close()


async def _has(heard: list[bytes], word: bytes) -> bool:
    return word in heard
