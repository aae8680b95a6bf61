"""Our own HTTP/1.1: what a connection may carry, and who gets one when."""

import asyncio
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from channels.causes import Cause, Unanswered
from channels.connection import Whole
from channels.http import Answer, Failure, Fate, HttpClient, Limits
from channels.pool import Pool
from tests.calling import PATIENT_S, call, client_of, ignore, only, until
from tests.contract.wire import Behaviour, Line, Wire, behaved, self_signed, serving


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


async def test_a_certificate_for_another_name_is_not_sent_to(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with serving(behaved(), server) as wire, client_of(verify=trusting) as client:
        for _ in range(2):
            assert isinstance(await call(client, wire), Answer)
        result = await call(client, f"https://localhost:{wire.port}/")
    assert result == Failure(fate=Fate.NOT_SENT, cause="tls")
    assert len(wire.requests) == 2


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
    async with serving(ignore) as wire, client_of() as client:
        pending = asyncio.create_task(call(client, wire))
        await until(lambda: wire.connections == 1)
        await until(lambda: bool(client._pool and client._pool._open))
        await client.aclose()
        assert await pending == Failure(fate=Fate.PERHAPS_SENT, cause="disconnected")


async def test_a_connection_that_ended_before_a_byte_was_written_has_sent_nothing() -> None:
    async with serving(behaved()) as wire, client_of() as client:
        assert isinstance(await call(client, wire), Answer)
        connection = only(client)
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
