"""`duecourse up`: the whole system on one machine, under one supervisor."""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import typer
from redis.exceptions import RedisError

from duecourse import settings as configuration
from duecourse.bootstrap import redis_client
from duecourse.cli.output import AsJson, print_json_line
from duecourse.domain.errors import InputError, StoreUnavailable
from duecourse.embedded import completed, var_folder
from duecourse.ledger.migrate import migrate
from duecourse.processes import Supervisor, python
from duecourse.settings import Settings

app = typer.Typer()

_HOST = "127.0.0.1"
_WORKERS = ("sms", "push", "email", "inbox")
#: A running job ends within its budget; then nothing of it is left to another process's sweep.
_GRACE_S = 20.0


@app.command()
def up(*, as_json: AsJson = False) -> None:
    """Run the whole system on this machine until stopped.

    Stores (embedded ones in var/ unless DATABASE_URL and REDIS_URL name yours), migrations, a scheduler, one worker per
    channel, the inbox worker, and the web process on DUECOURSE_WEB_PORT. A process that crashes is started again.
    Ctrl-C or SIGTERM lets running jobs end, then stops everything, the stores last; a second one does not wait.
    """
    # A stop while stores are starting ends this process as Ctrl-C does, through every clean-up.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    folder = var_folder(os.environ)
    with _alone(folder) as lock, completed(os.environ) as environ:
        environ.setdefault("DUECOURSE_LOG_FORMAT", "pretty" if sys.stdout.isatty() and not as_json else "json")
        settings = configuration.load(environ)
        _check_port(settings.web_port)
        asyncio.run(_run(settings, _supervisor(environ, lock), as_json=as_json))


async def _run(settings: Settings, supervisor: Supervisor, *, as_json: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.request_stop)
    await migrate(settings.owner_database_url)
    await _ask_redis(settings.redis_url)
    async with supervisor:
        _announce(settings, supervisor, as_json=as_json)
        await supervisor.wait()


def _supervisor(environ: Mapping[str, str], lock: IO[str]) -> Supervisor:
    one = ("--processes", "1", "--threads", "4")
    supervisor = Supervisor(env=environ, on_line=_print_line, grace_s=_GRACE_S, keeper_holds=lock)
    supervisor.add("scheduler", python("-m", "duecourse.cli.main", "scheduler"))
    for name in _WORKERS:
        supervisor.add(name, python("-m", "dramatiq", f"workers.{name}", *one))
    supervisor.add("web", python("-m", "duecourse.cli.main", "web", "--host", _HOST))
    return supervisor


def _announce(settings: Settings, supervisor: Supervisor, *, as_json: bool) -> None:
    if as_json:
        print_json_line({"url": f"http://{_HOST}:{settings.web_port}", "processes": supervisor.pids()})
    else:
        typer.echo(f"duecourse is up: http://{_HOST}:{settings.web_port} (Ctrl-C stops it)")


def _print_line(name: str, line: bytes) -> None:
    """What a process says: as it is for a program, under its name for a person."""
    prefix = f"{name:>9} | ".encode() if sys.stdout.isatty() else b""
    sys.stdout.buffer.write(prefix + line)
    sys.stdout.buffer.flush()


@contextmanager
def _alone(folder: Path) -> Iterator[IO[str]]:
    """One system per folder. The keeper of a killed one holds the lock until the last of its processes is gone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise InputError(
                f"duecourse up runs already in {folder}, or was killed less than {_GRACE_S:g} s ago: "
                "stop it, or try again"
            ) from exc
        yield lock


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        # As the web process will: a port that was used a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as exc:
            raise InputError(f"port {port} is taken: set DUECOURSE_WEB_PORT") from exc


async def _ask_redis(url: str) -> None:
    client = redis_client(url)
    try:
        await client.ping()
    except (RedisError, OSError) as exc:
        raise StoreUnavailable(f"Redis cannot be reached ({type(exc).__name__}): check REDIS_URL") from exc
    finally:
        await client.aclose()
