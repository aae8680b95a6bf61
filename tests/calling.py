"""Calls over our own HTTP client, for tests of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from channels.connection import Connection
from channels.http import Answer, Failure, HttpClient
from tests.contract.wire import Line, Wire

PATIENT_S = 10.0
HASTY_S = 0.3
SHORT = b'{"to": "canary"}'


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


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not true():  # noqa: ASYNC110 - the server's view has no event to wait for
            await asyncio.sleep(0)


def only(client: HttpClient) -> Connection:
    assert client._pool is not None
    (connection,) = client._pool._open
    return connection


async def ignore(line: Line) -> None:
    line.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's
    await asyncio.Event().wait()
