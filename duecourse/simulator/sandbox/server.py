"""Puts the sandbox together and serves it: one event loop, two listeners."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from aiohttp import web

from duecourse.domain.errors import StoreUnavailable
from duecourse.simulator.sandbox import api, control, phone
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.chance import Chance
from duecourse.simulator.sandbox.exchange import Exchange
from duecourse.simulator.sandbox.journal import Journal
from duecourse.simulator.sandbox.receipt import ReceiptDesk
from duecourse.simulator.sandbox.smtp import MailDoor

_KEEP_ALIVE_S = 75.0
_MAX_BODY = 16 * 2**20
_BACKLOG = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where to listen. Port 0 takes a free one; `smtp_port` None opens no mail door."""

    host: str = "127.0.0.1"
    port: int = 0
    smtp_port: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """A sandbox that is up."""

    exchange: Exchange
    url: str
    smtp_port: int | None


@asynccontextmanager
async def serving(
    accounts: Sequence[Account], *, address: Address, seed: int = 0, log: Path | None = None
) -> AsyncIterator[Serving]:
    """A running sandbox, stopped at the end of the block.

    Raises:
        StoreUnavailable: a port is taken.
    """
    journal = Journal(log)
    chance = Chance(seed)
    desk = ReceiptDesk(journal, chance)
    exchange = Exchange(journal, chance, desk, monotonic)
    for account in accounts:
        exchange.open_account(account)
    await desk.open()
    try:
        async with _http(exchange, address) as port, _mail(exchange, address) as smtp_port:
            yield Serving(exchange=exchange, url=f"http://{address.host}:{port}", smtp_port=smtp_port)
    finally:
        await desk.aclose()
        journal.close()


def application(exchange: Exchange) -> web.Application:
    app = web.Application(client_max_size=_MAX_BODY)
    app[api.EXCHANGE] = exchange
    app.add_routes([*api.routes(), *control.routes(), *phone.routes()])
    return app


@asynccontextmanager
async def _http(exchange: Exchange, address: Address) -> AsyncIterator[int]:
    # No access log: its lines would hold addresses.
    runner = web.AppRunner(
        application(exchange),
        access_log=None,
        keepalive_timeout=_KEEP_ALIVE_S,
        handle_signals=False,
        shutdown_timeout=1,
    )
    await runner.setup()
    try:
        listener = _listen(address.host, address.port)
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        yield listener.getsockname()[1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _mail(exchange: Exchange, address: Address) -> AsyncIterator[int | None]:
    if address.smtp_port is None:
        yield None
        return
    listener = _listen(address.host, address.smtp_port)
    server = await asyncio.get_running_loop().create_server(MailDoor(exchange).protocol, sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise StoreUnavailable(f"port {port} on {host} cannot be used: {exc.strerror}") from exc
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener
