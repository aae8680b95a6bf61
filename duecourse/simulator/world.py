"""Builds the demonstration's world: fresh embedded stores, a real book, every process of a deployment, the sandbox."""

import fcntl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from duecourse import settings as configuration
from duecourse.bootstrap import App, open_app
from duecourse.domain.errors import InputError
from duecourse.ledger.demo import DemoRows
from duecourse.ledger.migrate import migrate
from duecourse.processes import Supervisor
from duecourse.simulator.book_head import BUNDLED, write_head
from duecourse.simulator.deployment import environment, import_book, processes, ready, start_stores, while_alive
from duecourse.simulator.remote import Book, RemoteSandbox, remote_sandbox
from duecourse.simulator.wishes import Wishes

Note = Callable[[str], None]
"""Called with what is being done now."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything runs; nothing has been sent."""

    app: App
    sandbox: RemoteSandbox
    book: Book
    web: aiohttp.ClientSession
    sandbox_url: str
    supervisor: Supervisor


@asynccontextmanager
async def build_world(wishes: Wishes, note: Note) -> AsyncIterator[World]:
    """Start everything; at the end of the block nothing of it runs any more.

    Raises:
        InputError: another demonstration runs in this folder, or the wishes make no sense.
        StoreUnavailable: a store or a process does not come up.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_alone(wishes.folder))
        write_head(BUNDLED, wishes.book, wishes.loans)
        note("starting Postgres and Redis")
        postgres, redis = await start_stores(wishes.folder, stack)
        env = environment(wishes.folder, postgres, redis)
        settings = configuration.load(env)
        await migrate(settings.owner_database_url)
        app = await stack.enter_async_context(open_app(settings))
        async with app.ledger.transaction() as tx:
            await DemoRows(tx.conn, tx.vault).step(wishes.first_instant, await app.clock.read())
        note(f"importing {wishes.loans:,} loans")
        await import_book(wishes.book, env)
        note("starting the sandbox, the web process, schedulers and workers")
        supervisor = await stack.enter_async_context(processes(wishes, settings, env))
        sandbox_url = env["DUECOURSE_SANDBOX_URL"]
        sandbox = await stack.enter_async_context(remote_sandbox(sandbox_url))
        web = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        urls = [f"{sandbox_url}/control/state", f"{settings.public_url}/healthz"]
        await while_alive(supervisor, ready(web, urls))
        stack.callback(note, "stopping")
        yield World(
            app=app, sandbox=sandbox, book=Book(wishes.log), web=web, sandbox_url=sandbox_url, supervisor=supervisor
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one demonstration at a time in a folder; the lock goes with its process."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise InputError(f"another demonstration is running in {folder}") from exc
        yield
