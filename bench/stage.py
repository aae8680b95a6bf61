"""Where everything is measured: one embedded Postgres and Redis, a sink as provider, and a fresh database per part."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from bench.delivery import KEY, RIVALS, unlimited
from duecourse.bootstrap import App, open_app
from duecourse.embedded import EmbeddedServer
from duecourse.ledger.migrate import migrate
from duecourse.settings import load
from duecourse.simulator.deployment import environment, start_stores

#: The migrated, empty database that the others are copied from; nobody connects to it.
TEMPLATE = "duecourse"

SCHEDULER = ("workers.scheduler",)

Note = Callable[[str], None]


class NotMeasured(Exception):
    """A part could not be measured: why."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    folder: Path
    postgres: EmbeddedServer
    redis: EmbeddedServer
    env: dict[str, str]
    note: Note

    @asynccontextmanager
    async def database(self, name: str, template: str = TEMPLATE) -> AsyncIterator[dict[str, str]]:
        """A copy of `template`, gone at the end, and the environment of processes that use it; Redis is emptied."""
        await asyncio.to_thread(self._create, name, template)
        try:
            yield self.env | {
                "DATABASE_URL": _in_database(self.postgres.url, name),
                "DATABASE_OWNER_URL": _in_database(self.postgres.owner_url, name),
            }
        finally:
            await asyncio.to_thread(self._admin, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @asynccontextmanager
    async def app(
        self, name: str, template: str = TEMPLATE, *, clock: str = "virtual"
    ) -> AsyncIterator[tuple[App, dict[str, str]]]:
        """The same, with the application open on it."""
        async with self.database(name, template) as made:
            env = made | {"DUECOURSE_CLOCK": clock}
            async with self.opened(env) as app:
                yield app, env

    def opened(self, env: dict[str, str]) -> AbstractAsyncContextManager[App]:
        """The application on a database of this stage."""
        return open_app(load(env))

    @contextmanager
    def running(
        self, env: dict[str, str], *commands: Sequence[str], cwd: Path | None = None
    ) -> Iterator[list[Popen[bytes]]]:
        """Python modules as processes; all are ended, and waited for, at the end."""
        with (self.folder / "processes.log").open("ab") as log, ExitStack() as stack:
            children = [
                stack.enter_context(
                    Popen([sys.executable, "-m", *command], env=env, cwd=cwd, stdout=log, stderr=STDOUT)
                )
                for command in commands
            ]
            # All are told before any is waited for.
            for child in children:
                stack.callback(child.terminate)
            yield children

    def _create(self, name: str, template: str) -> None:
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()
        # The plain copy of files: with the other strategy every page would pass through the log.
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._admin(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(_in_database(self.postgres.owner_url, "postgres"), autocommit=True) as conn:
            conn.execute(statement)


@asynccontextmanager
async def open_stage(folder: Path, note: Note) -> AsyncIterator[Stage]:
    """Stores, configuration and sink of one run. Everything of it is gone with `folder`."""
    async with AsyncExitStack() as stack:
        postgres, cache = await start_stores(folder, stack)
        await migrate(postgres.owner_url)
        env = environment(folder, postgres, cache)
        # The demonstration's own: here a worker looks for hints as often as one that is shipped.
        del env["dramatiq_worker_timeout"]
        env["DUECOURSE_CONFIG_DIR"] = str(unlimited(Path(env["DUECOURSE_CONFIG_DIR"]), folder / "config"))
        sink = env["DUECOURSE_SANDBOX_URL"]
        env |= {"SINK_URL": f"{sink}/v1/sms/messages", "SINK_KEY": KEY}
        stage = Stage(folder=folder, postgres=postgres, redis=cache, env=env, note=note)
        stack.enter_context(stage.running(env, ("sink", sink.rpartition(":")[2]), cwd=RIVALS))
        yield stage


def _in_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def worker(channel: str) -> tuple[str, ...]:
    return ("dramatiq", f"workers.{channel}", "--processes", "1", "--threads", "2")
