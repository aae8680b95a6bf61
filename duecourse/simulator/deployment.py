"""The pieces of a deployment on this machine: embedded stores, their environment, and every process as its own."""

import asyncio
import os
import shutil
import socket
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from duecourse import settings as configuration
from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded import EmbeddedServer, start_postgres, start_redis
from duecourse.processes import Supervisor, python
from duecourse.settings import Settings
from duecourse.settings.keys import ensure_keys
from duecourse.simulator.tempers import accounts_toml
from duecourse.simulator.wishes import Wishes

_READY_S = 60.0
_POLL_S = 0.05
_GRACE_S = 8.0
#: Names of the caller's own deployment, which the demonstration must not touch.
_FOREIGN = ("DUECOURSE_", "DATABASE_", "REDIS_", "BROKER_")

Done = TypeVar("Done")


async def start_stores(folder: Path, stack: AsyncExitStack) -> tuple[EmbeddedServer, EmbeddedServer]:
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


def environment(folder: Path, postgres: EmbeddedServer, redis: EmbeddedServer) -> dict[str, str]:
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


async def import_book(source: Path, env: dict[str, str]) -> None:
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


def processes(wishes: Wishes, settings: Settings, env: dict[str, str]) -> Supervisor:
    logs = wishes.folder / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(mode=0o700)
    accounts = wishes.folder / "accounts.toml"
    accounts.write_text(accounts_toml(settings))
    accounts.chmod(0o600)
    wishes.log.unlink(missing_ok=True)
    port = env["DUECOURSE_SANDBOX_URL"].rpartition(":")[2]
    supervisor = Supervisor(env=env, logs=logs, grace_s=_GRACE_S)
    supervisor.add(
        "sandbox",
        python("-m", "duecourse.cli.main", "sandbox", "--port", port, "--seed", str(wishes.seed),
               "--accounts", str(accounts), "--log", str(wishes.log)),
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


async def while_alive(supervisor: Supervisor, work: Coroutine[Any, Any, Done]) -> Done:
    """Do the work, unless a process of the deployment cannot live.

    Raises:
        ChildError: which one, and where its log is.
    """
    doing, living = asyncio.create_task(work), asyncio.create_task(supervisor.wait())
    try:
        await asyncio.wait({doing, living}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            living.result()
        return await doing
    finally:
        for task in (doing, living):
            task.cancel()
        await asyncio.gather(doing, living, return_exceptions=True)


async def ready(session: aiohttp.ClientSession, urls: Sequence[str]) -> None:
    """Until each of them answers."""
    for url in urls:
        try:
            await asyncio.wait_for(_until_up(session, url), _READY_S)
        except TimeoutError as exc:
            raise StoreUnavailable(f"{url} does not come up: see the logs of the demonstration") from exc


async def _until_up(session: aiohttp.ClientSession, url: str) -> None:
    while not await _answers(session, url):  # noqa: ASYNC110 - another process sets no event of ours
        await asyncio.sleep(_POLL_S)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.ok
    except aiohttp.ClientError:
        return False
