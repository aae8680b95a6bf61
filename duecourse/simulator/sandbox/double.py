"""A sandbox inside a test: in a thread with its own event loop, on a free port."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.server import Address, Serving, serving


@contextmanager
def running_sandbox(accounts: Sequence[Account], seed: int = 0, log: Path | None = None) -> Iterator[str]:
    """The base URL of a sandbox that is up, stopped at the end. It can be steered by its `/control/` API."""
    with running_server(accounts, Address(), seed=seed, log=log) as server:
        yield server.url


@contextmanager
def running_server(
    accounts: Sequence[Account], address: Address, *, seed: int = 0, log: Path | None = None
) -> Iterator[Serving]:
    """The same, with the mail door where `address` names an `smtp_port`, and with a look inside."""
    up: Future[Serving] = Future()
    down: Future[None] = Future()

    async def serve() -> None:
        async with serving(accounts, address=address, seed=seed, log=log) as server:
            up.set_result(server)
            await asyncio.wrap_future(down)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the test is to see it
            if not up.done():
                up.set_exception(exc)

    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    try:
        yield up.result(timeout=10)
    finally:
        down.set_result(None)
        thread.join(timeout=10)
