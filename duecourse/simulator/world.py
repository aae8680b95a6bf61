"""Builds the demonstration's world: fresh embedded stores, a real book, every process of a deployment, the sandbox."""

import asyncio
import fcntl
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import aiohttp

from duecourse import settings as configuration
from duecourse.bootstrap import App, open_app
from duecourse.domain.errors import InputError, StoreUnavailable
from duecourse.embedded import EmbeddedServer, start_postgres, start_redis
from duecourse.ledger.demo import DemoRows
from duecourse.ledger.migrate import migrate
from duecourse.processes import Supervisor, python
from duecourse.settings import Settings
from duecourse.settings.keys import ensure_keys
from duecourse.simulator.book_head import BUNDLED, write_head
from duecourse.simulator.remote import Book, RemoteSandbox, remote_sandbox
from duecourse.simulator.tempers import accounts_toml

#: Before anybody in the United States may be written to: the first rungs of the day are still to come.
_FIRST_HOUR = time(8, tzinfo=UTC)
_READY_S = 60.0
_POLL_S = 0.05
_GRACE_S = 8.0
#: Names of the caller's own deployment, which the demonstration must not touch.
_FOREIGN = ("DUECOURSE_", "DATABASE_", "REDIS_")

Note = Callable[[str], None]
"""Called with what is being done now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the demonstration is to show."""

    loans: int = 10_000
    days: int = 10
    seed: int = 1
    start: date = date(2018, 6, 25)
    sms_workers: int = 1
    schedulers: int = 1
    folder: Path = Path("var/demo")


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything runs; nothing has been sent."""

    app: App
    sandbox: RemoteSandbox
    book: Book
    web: aiohttp.ClientSession
    sandbox_url: str
    source: Path
    """The file that was imported."""


def first_instant(wishes: Wishes) -> datetime:
    return datetime.combine(wishes.start, _FIRST_HOUR)


@asynccontextmanager
async def build_world(wishes: Wishes, note: Note) -> AsyncIterator[World]:
    """Start everything; at the end of the block nothing of it runs any more.

    Raises:
        InputError: another demonstration runs in this folder, or the wishes make no sense.
        StoreUnavailable: a store or a process does not come up.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_alone(wishes.folder))
        note("starting Postgres and Redis")
        postgres, redis = await _stores(wishes.folder, stack)
        env = _environment(wishes.folder, postgres, redis)
        settings = configuration.load(env)
        await migrate(settings.owner_database_url)
        app = await stack.enter_async_context(open_app(settings))
        async with app.ledger.transaction() as tx:
            await DemoRows(tx.conn, tx.vault).step(first_instant(wishes), await app.clock.read())
        note(f"importing {wishes.loans:,} loans")
        source = write_head(BUNDLED, wishes.folder / "book.csv", wishes.loans)
        await _import(source, env)
        note("starting the sandbox, the web process, schedulers and workers")
        supervisor = _processes(wishes, settings, env)
        await stack.enter_async_context(supervisor)
        sandbox = await stack.enter_async_context(remote_sandbox(env["DUECOURSE_SANDBOX_URL"]))
        web = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        await _ready(web, [f"{env['DUECOURSE_SANDBOX_URL']}/control/state", f"{settings.public_url}/healthz"])
        yield World(
            app=app,
            sandbox=sandbox,
            book=Book(_log(wishes)),
            web=web,
            sandbox_url=env["DUECOURSE_SANDBOX_URL"],
            source=source,
        )
        note("stopping")


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


async def _stores(folder: Path, stack: AsyncExitStack) -> tuple[EmbeddedServer, EmbeddedServer]:
    """Empty servers: what an earlier run left is ended and removed."""
    starters = {"postgres": start_postgres, "redis": start_redis}
    servers = []
    for name, start in starters.items():
        place = folder / name
        if place.exists():
            await asyncio.to_thread(lambda start=start, place=place: start(place).stop())  # type: ignore[misc]
            shutil.rmtree(place)
        server = await asyncio.to_thread(start, place, durable=False)
        stack.push_async_callback(asyncio.to_thread, server.stop)
        servers.append(server)
    return servers[0], servers[1]


def _environment(folder: Path, postgres: EmbeddedServer, redis: EmbeddedServer) -> dict[str, str]:
    """What every process of the demonstration gets, and nothing of the caller's own deployment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    web_port, sandbox_port = _free_ports(2)
    return inherited | ensure_keys(folder / "keys") | {
        "DATABASE_URL": postgres.url,
        "DATABASE_OWNER_URL": postgres.owner_url,
        "REDIS_URL": redis.url,
        "DUECOURSE_CONFIG_DIR": str(configuration.find_config_dir(os.environ)),
        "DUECOURSE_CLOCK": "virtual",
        "DUECOURSE_WEB_PORT": str(web_port),
        "DUECOURSE_PUBLIC_URL": f"http://127.0.0.1:{web_port}",
        "DUECOURSE_SANDBOX": "true",
        "DUECOURSE_SANDBOX_URL": f"http://127.0.0.1:{sandbox_port}",
        # The sandbox has finished a call by the time its caller gives up, so its word may be asked for soon.
        "DUECOURSE_SANDBOX_SETTLE_S": "0.5",
        "DUECOURSE_LOG_FORMAT": "json",
        # A worker looks for hints this often, in milliseconds: a virtual day has no second to wait.
        "dramatiq_worker_timeout": "40",
    }  # fmt: skip


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


async def _import(source: Path, env: dict[str, str]) -> None:
    """By the command that everybody uses, into the database that everybody uses."""
    refused = source.with_suffix(".rejects.csv")
    command = ("import", "--format", "lending-club", "--rejects", str(refused), str(source))
    process = await asyncio.create_subprocess_exec(
        *python("-m", "duecourse.cli.main", *command),
        env=env,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise StoreUnavailable(f"the import failed: {said.decode(errors='replace').strip()[-500:]}")


def _processes(wishes: Wishes, settings: Settings, env: dict[str, str]) -> Supervisor:
    logs = wishes.folder / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(mode=0o700)
    accounts = wishes.folder / "accounts.toml"
    accounts.write_text(accounts_toml(settings))
    accounts.chmod(0o600)
    _log(wishes).unlink(missing_ok=True)
    port = env["DUECOURSE_SANDBOX_URL"].rpartition(":")[2]
    supervisor = Supervisor(env=env, logs=logs, grace_s=_GRACE_S)
    supervisor.add(
        "sandbox",
        python("-m", "duecourse.cli.main", "sandbox", "--port", port, "--seed", str(wishes.seed),
               "--accounts", str(accounts), "--log", str(_log(wishes))),
    )  # fmt: skip
    supervisor.add("web", python("-m", "duecourse.cli.main", "web"))
    for name, module, count in _workers(wishes):
        for number in range(1, count + 1):
            supervisor.add(f"{name}-{number}", python("-m", *module))
    return supervisor


def _workers(wishes: Wishes) -> list[tuple[str, tuple[str, ...], int]]:
    """Name, module with its arguments, and how many of it."""
    one = ("--processes", "1", "--threads", "2")
    return [
        ("scheduler", ("duecourse.cli.main", "scheduler"), wishes.schedulers),
        ("sms", ("dramatiq", "workers.sms", *one), wishes.sms_workers),
        ("push", ("dramatiq", "workers.push", *one), 1),
        ("email", ("dramatiq", "workers.email", *one), 1),
        ("inbox", ("dramatiq", "workers.inbox", *one), 1),
    ]


def _log(wishes: Wishes) -> Path:
    return wishes.folder / "sandbox.jsonl"


async def _ready(session: aiohttp.ClientSession, urls: list[str]) -> None:
    """Until each of them answers."""
    for url in urls:
        try:
            async with asyncio.timeout(_READY_S):
                while not await _answers(session, url):  # noqa: ASYNC110 - another process sets no event of ours
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as exc:
            raise StoreUnavailable(f"{url} does not come up: see the logs of the demonstration") from exc


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.ok
    except aiohttp.ClientError:
        return False
