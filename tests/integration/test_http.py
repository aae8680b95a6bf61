"""Whether a request was surely not sent: each way a connection can fail, against sockets that misbehave so."""

import asyncio
import builtins
import errno
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from channels import http
from channels.causes import connect_cause
from channels.http import MAX_BODY, Answer, Cause, Failure, Fate, HttpClient, Limits, Prepared
from tests.calling import HASTY_S, PATIENT_S, client_of
from tests.contract.wire import Behaviour, Line, Wire, behaved, self_signed, serving

BODY = b'{"to": "canary"}'
LATER = 60.0


def prepared(client: HttpClient, wire: Wire | str, method: str = "POST") -> Prepared:
    url = wire if isinstance(wire, str) else wire.url
    content = BODY if method == "POST" else b""
    return client.prepare(method, f"{url}/messages", headers={"content-type": "application/json"}, content=content)


async def call(client: HttpClient, wire: Wire | str, *, method: str = "POST") -> Answer | Failure:
    return await client.call(prepared(client, wire, method), deadline=time.monotonic() + LATER)


async def outcome_of(behave: Behaviour, timeout_s: float = PATIENT_S) -> tuple[Answer | Failure, Wire]:
    async with serving(behave) as wire, client_of(timeout_s) as client:
        return await call(client, wire), wire


@pytest.mark.parametrize("status", [200, 201, 302, 404, 429, 500, 503])
async def test_a_whole_response_is_an_answer_whatever_its_status(status: int) -> None:
    result, wire = await outcome_of(behaved(status, b"hello", {"Retry-After": "7", "location": "/elsewhere"}))
    assert isinstance(result, Answer)
    assert (result.status, result.body, result.headers["retry-after"]) == (status, b"hello", "7")
    (request,) = wire.requests
    assert (request.method, request.target, request.body) == ("POST", "/messages", BODY)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{wire.port}"
    assert "transfer-encoding" not in request.headers


async def test_a_look_up_has_no_body() -> None:
    async with serving(behaved()) as wire, client_of() as client:
        assert isinstance(await call(client, wire, method="GET"), Answer)
    assert (wire.requests[0].method, wire.requests[0].body) == ("GET", b"")


async def test_connections_are_reused() -> None:
    async with serving(behaved()) as wire, client_of() as client:
        for _ in range(5):
            assert isinstance(await call(client, wire), Answer)
    assert (len(wire.requests), wire.connections) == (5, 1)


async def test_proxies_of_the_environment_and_cookies_are_ignored(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    async with serving(behaved(headers={"set-cookie": "a=b"})) as wire, client_of() as client:
        assert isinstance(await call(client, wire), Answer)
        assert isinstance(await call(client, wire), Answer)
    assert "cookie" not in wire.requests[1].headers


async def test_a_refused_connection_is_not_sent(unused_tcp_port: int) -> None:
    async with client_of() as client:
        result = await call(client, f"http://127.0.0.1:{unused_tcp_port}")
    assert result == Failure(fate=Fate.NOT_SENT, cause="connect_refused")


async def test_a_name_that_resolves_to_nothing_is_not_sent() -> None:
    async with client_of() as client:
        result = await call(client, "http://nobody.invalid")
    assert isinstance(result, Failure)
    assert result.fate is Fate.NOT_SENT
    # Where a resolver is itself unreachable, our patience may end first.
    assert result.cause in {"dns", "connect_timeout"}


async def test_tls_with_a_server_that_speaks_none_is_not_sent() -> None:
    async def hang_up(line: Line) -> None:
        await line.reader.read(1)
        line.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(hang_up) as wire, client_of() as client:
        result = await call(client, wire.url.replace("http:", "https:"))
    assert result == Failure(fate=Fate.NOT_SENT, cause="tls")


async def test_a_certificate_that_nobody_vouches_for_is_not_sent(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with serving(behaved(), server) as wire:
        async with client_of() as client:
            assert await call(client, wire) == Failure(fate=Fate.NOT_SENT, cause="tls")
        async with client_of(verify=trusting) as client:
            assert isinstance(await call(client, wire), Answer)
    assert len(wire.requests) == 1


async def test_a_tls_handshake_that_never_ends_is_not_sent() -> None:
    async def say_nothing(line: Line) -> None:
        await line.hung_up()

    async with serving(say_nothing) as wire, client_of(limits=Limits(connect_s=HASTY_S)) as client:
        result = await call(client, wire.url.replace("http:", "https:"))
    assert result == Failure(fate=Fate.NOT_SENT, cause="connect_timeout")


async def _hang_up_unread(line: Line) -> None:
    line.writer.close()


async def _hang_up_after_request(line: Line) -> None:
    await line.request()


async def _reset_after_request(line: Line) -> None:
    await line.request()
    line.reset()


async def _half_a_head(line: Line) -> None:
    await line.request()
    line.write(b"HTTP/1.1 200 OK\r\ncontent-le")


async def _half_a_body(line: Line) -> None:
    await line.request()
    line.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"id":')


async def _half_a_body_then_reset(line: Line) -> None:
    await _half_a_body(line)
    await line.writer.drain()
    line.reset()


async def _garbage(line: Line) -> None:
    await line.request()
    line.write(b"\x16\x03\x01 what is this\r\n\r\n")


async def _broken_chunks(line: Line) -> None:
    await line.request()
    line.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")


async def _wrong_encoding(line: Line) -> None:
    await line.request()
    line.answer(200, b"not gzip at all", {"content-encoding": "gzip"})


async def _too_much(line: Line) -> None:
    await line.request()
    line.answer(200, b"x" * (MAX_BODY + 1))


async def _say_nothing(line: Line) -> None:
    await line.request()
    await line.hung_up()


async def _drip(line: Line) -> None:
    await line.request()
    line.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while not line.reader.at_eof():
        line.write(b"x")
        await asyncio.sleep(0.01)


async def _continue_forever(line: Line) -> None:
    await line.request()
    while not line.reader.at_eof():
        line.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0.01)


AFTER_THE_FIRST_BYTE: list[tuple[Behaviour, float, set[Cause]]] = [
    (_hang_up_unread, PATIENT_S, {Cause.DISCONNECTED, Cause.RESET}),
    (_hang_up_after_request, PATIENT_S, {Cause.DISCONNECTED}),
    (_reset_after_request, PATIENT_S, {Cause.RESET}),
    (_half_a_head, PATIENT_S, {Cause.DISCONNECTED, Cause.GARBAGE}),
    (_half_a_body, PATIENT_S, {Cause.TRUNCATED}),
    (_half_a_body_then_reset, PATIENT_S, {Cause.TRUNCATED, Cause.RESET}),
    (_garbage, PATIENT_S, {Cause.GARBAGE}),
    (_broken_chunks, PATIENT_S, {Cause.GARBAGE, Cause.TRUNCATED}),
    (_wrong_encoding, PATIENT_S, {Cause.GARBAGE}),
    (_too_much, PATIENT_S, {Cause.TOO_LARGE}),
    (_say_nothing, HASTY_S, {Cause.READ_TIMEOUT}),
    (_drip, HASTY_S, {Cause.READ_TIMEOUT}),
    (_continue_forever, HASTY_S, {Cause.READ_TIMEOUT}),
]


@pytest.mark.parametrize(
    ("behave", "timeout_s", "causes"), AFTER_THE_FIRST_BYTE, ids=lambda v: getattr(v, "__name__", "")
)
async def test_what_fails_after_the_first_byte_was_perhaps_sent(
    behave: Behaviour, timeout_s: float, causes: set[Cause]
) -> None:
    result, _ = await outcome_of(behave, timeout_s)
    assert isinstance(result, Failure)
    assert result.fate is Fate.PERHAPS_SENT
    assert result.cause in causes


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_reused_connection_that_is_closed_on_us_is_perhaps_sent_and_never_tried_again(method: str) -> None:
    async def answer_once(line: Line) -> None:
        await line.request()
        line.answer()
        await line.request()

    async with serving(answer_once) as wire, client_of() as client:
        assert isinstance(await call(client, wire, method=method), Answer)
        result = await call(client, wire, method=method)
    assert result == Failure(fate=Fate.PERHAPS_SENT, cause="disconnected")
    assert len(wire.requests) == 2


async def test_a_server_that_closes_after_each_answer_is_never_told_to_have_received_nothing_when_it_did() -> None:
    """The race of a pooled connection closed at the very moment of its reuse, many times over."""

    async def answer_and_close(line: Line) -> None:
        await line.request()
        line.answer()

    async with serving(answer_and_close) as wire, client_of() as client:
        for _ in range(200):
            before = len(wire.requests)
            result = await call(client, wire)
            received = len(wire.requests) - before
            assert received <= 1
            assert isinstance(result, Answer) or result.fate is Fate.PERHAPS_SENT or received == 0


async def test_an_idle_connection_is_closed_by_us_first() -> None:
    closed = asyncio.Event()

    async def answer_and_wait(line: Line) -> None:
        await line.request()
        line.answer()
        assert await line.hung_up() == b""
        closed.set()

    async with serving(answer_and_wait) as wire, client_of(limits=Limits(keepalive_s=0.01)) as client:
        assert isinstance(await call(client, wire), Answer)
        async with asyncio.timeout(PATIENT_S):
            await closed.wait()


async def test_a_passed_deadline_is_not_sent_and_not_even_connected() -> None:
    async with serving(behaved()) as wire, client_of() as client:
        result = await client.call(prepared(client, wire), deadline=time.monotonic())
    assert result == Failure(fate=Fate.NOT_SENT, cause="deadline")
    assert wire.connections == 0


class SteppedClock:
    """Says each of `readings` once, then the last for ever."""

    def __init__(self, *readings: float) -> None:
        self.readings = list(readings)

    def __call__(self) -> float:
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_deadline_that_passes_while_connecting_keeps_the_first_byte_back(method: str) -> None:
    heard: list[bytes] = []

    async def listen(line: Line) -> None:
        heard.append(await line.hung_up())

    # Read on entry, for the patience of connecting, and right before the first byte.
    async with serving(listen) as wire, client_of(monotonic=SteppedClock(0.0, 0.0, 5.0)) as client:
        result = await client.call(prepared(client, wire, method), deadline=5.0)
        assert result == Failure(fate=Fate.NOT_SENT, cause="deadline")
        await client.aclose()
        await _until(lambda: len(heard) == 1)
    assert (wire.connections, heard) == (1, [b""])


async def test_waiting_for_a_connection_ends_at_the_deadline_and_is_not_sent() -> None:
    async with serving(_say_nothing) as wire, client_of(limits=Limits(connections=1)) as client:
        first = asyncio.create_task(call(client, wire))
        await _until(lambda: len(wire.requests) == 1)
        result = await client.call(prepared(client, wire), deadline=time.monotonic() + 0.05)
        assert result == Failure(fate=Fate.NOT_SENT, cause="pool_timeout")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert len(wire.requests) == 1


async def test_a_cancelled_call_hangs_up_and_gives_its_connection_back() -> None:
    gone = asyncio.Event()

    async def wait_then_behave(line: Line) -> None:
        await line.request()
        if len(line.wire.requests) == 1:
            await line.hung_up()
            gone.set()
        else:
            line.answer()

    async with serving(wait_then_behave) as wire, client_of(limits=Limits(connections=1)) as client:
        cancelled = asyncio.create_task(call(client, wire))
        await _until(lambda: len(wire.requests) == 1)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        async with asyncio.timeout(PATIENT_S):
            await gone.wait()
        assert isinstance(await call(client, wire), Answer)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not true():  # noqa: ASYNC110 - the server's view has no event to wait for
            await asyncio.sleep(0)


async def test_a_line_break_in_a_header_is_refused_before_anything_leaves() -> None:
    async with serving(behaved()) as wire, client_of() as client:
        request = client.prepare("POST", wire.url, headers={"idempotency-key": "a\r\nx-evil: 1"}, content=BODY)
        result = await client.call(request, deadline=time.monotonic() + LATER)
    assert result == Failure(fate=Fate.NOT_SENT, cause="bad_request")
    assert wire.requests == []


async def test_a_client_that_is_not_open_is_a_fault_of_ours_and_proves_nothing() -> None:
    client = HttpClient(timeout_s=1)
    assert await call(client, "http://127.0.0.1:9") == Failure(fate=Fate.PERHAPS_SENT, cause="unexpected")


def test_nothing_of_a_request_or_answer_shows_in_a_repr() -> None:
    request = HttpClient(timeout_s=1).prepare(
        "POST", "https://canary.example/canary", headers={"authorization": "canary"}, content=b"canary"
    )
    answer = Answer(status=200, headers={"x": "canary"}, body=b"canary")
    assert "canary" not in repr(request) + repr(answer)


#: Every class of error that the way to a connection can end in, and what it is filed as.
FILED: dict[type[Exception], Cause] = {
    OSError: Cause.CONNECT_ERROR,
    ConnectionError: Cause.CONNECT_ERROR,
    BrokenPipeError: Cause.CONNECT_ERROR,
    ConnectionAbortedError: Cause.CONNECT_ERROR,
    ConnectionResetError: Cause.CONNECT_ERROR,
    ConnectionRefusedError: Cause.CONNECT_REFUSED,
    TimeoutError: Cause.CONNECT_TIMEOUT,
    socket.gaierror: Cause.DNS,
    socket.herror: Cause.CONNECT_ERROR,
    ssl.SSLError: Cause.TLS,
    ssl.SSLCertVerificationError: Cause.TLS,
    ssl.SSLEOFError: Cause.TLS,
    ssl.SSLSyscallError: Cause.TLS,
    ssl.SSLWantReadError: Cause.TLS,
    ssl.SSLWantWriteError: Cause.TLS,
    ssl.SSLZeroReturnError: Cause.TLS,
    UnicodeError: Cause.BAD_REQUEST,
    ValueError: Cause.UNEXPECTED,
    RuntimeError: Cause.UNEXPECTED,
}


def _wrapped(exc: Exception) -> Exception:
    """Under a name that says connect timeout, whatever it was."""
    outer = httpx.ConnectTimeout("")
    outer.__cause__ = exc
    return outer


@pytest.mark.parametrize("kind", list(FILED), ids=lambda kind: kind.__name__)
def test_a_failure_to_connect_is_filed_by_what_it_is_and_not_by_its_wrapper(kind: type[Exception]) -> None:
    exc = kind.__new__(kind)
    assert connect_cause(exc) is FILED[kind]
    assert connect_cause(_wrapped(exc)) is FILED[kind]


def _os_errors(names: ModuleType) -> set[type[OSError]]:
    return {kind for kind in vars(names).values() if isinstance(kind, type) and issubclass(kind, OSError)}


def test_every_error_of_the_sockets_and_of_tls_is_filed() -> None:
    of_files = {FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError}
    # Of a process, a terminal or a call that was interrupted: no connection's.
    others = {BlockingIOError, ChildProcessError, InterruptedError, PermissionError, ProcessLookupError}
    found = _os_errors(builtins) | _os_errors(socket) | _os_errors(ssl)
    assert found - of_files - others <= set(FILED)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (errno.ECONNREFUSED, Cause.CONNECT_REFUSED),
        (errno.ENETUNREACH, Cause.UNREACHABLE),
        (errno.EHOSTUNREACH, Cause.UNREACHABLE),
        (errno.ETIMEDOUT, Cause.CONNECT_TIMEOUT),
        (errno.EMFILE, Cause.CONNECT_ERROR),
    ],
)
def test_the_kernel_s_word_makes_a_failure_to_connect_exact(code: int, cause: Cause) -> None:
    assert connect_cause(OSError(code, "")) is cause


def _family(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(_family(child) for child in root.__subclasses__()))


def _of_httpx() -> list[type[Exception]]:
    kinds = [kind for kind in _family(httpx.RequestError) if kind.__module__.startswith("httpx")]
    return sorted(kinds, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", _of_httpx(), ids=lambda kind: kind.__name__)
def test_the_names_of_httpx_prove_nothing(kind: type[Exception]) -> None:
    assert connect_cause(kind.__new__(kind)) is Cause.UNEXPECTED


@pytest.mark.parametrize("cause", list(Cause))
def test_a_request_counts_as_unsent_only_if_nothing_was_written_and_the_cause_is_known(cause: Cause) -> None:
    unsent = http.failure(cause, written=False).fate is Fate.NOT_SENT
    assert unsent == (cause is not Cause.UNEXPECTED)
    assert http.failure(cause, written=True).fate is Fate.PERHAPS_SENT


def test_a_default_context_checks_certificates() -> None:
    context = http._context(True)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
