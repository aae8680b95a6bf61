"""Where a child's output goes: the supervisor's own, a file, or line by line to a function."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

Line = Callable[[str, bytes], None]


@contextlib.asynccontextmanager
async def output(
    name: str, *, logs: Path | None, on_line: Line | None
) -> AsyncIterator[tuple[int | None, asyncio.Task[None] | None]]:
    """The descriptor to give to the child, closed here at the end, and what reads the other side of it."""
    if on_line is not None:
        reading, writing = os.pipe()
        task = asyncio.create_task(_read(name, reading, on_line))
    elif logs is not None:
        writing, task = os.open(logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), None
    else:
        yield None, None
        return
    try:
        yield writing, task
    finally:
        os.close(writing)


async def _read(name: str, reading: int, on_line: Line) -> None:
    """Until nobody writes any more: neither the child nor anything that it started."""
    stream = asyncio.StreamReader()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        try:
            while line := await _line(stream):
                on_line(name, line)
        finally:
            transport.close()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; of one longer than the stream's buffer, what is in the buffer."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as exc:
        return exc.partial
    except asyncio.LimitOverrunError as exc:
        return await stream.readexactly(exc.consumed)
