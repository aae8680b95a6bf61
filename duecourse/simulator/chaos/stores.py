"""The run's own Postgres and Redis, which can be killed, frozen and started again under everybody's feet."""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded import EmbeddedServer, guard, start_postgres, start_redis
from duecourse.simulator.chaos.disk import Disk, mount_disk
from duecourse.simulator.chaos.victims import family

_GONE_S = 20.0
_POLL_S = 0.02
_STARTS = 5


class Memory(StrEnum):
    """What a Redis knows after a restart."""

    ALL = "all"
    NOTHING = "nothing"
    OLD = "old"
    """Restored from a back-up: hints of long ago, and a rate that nobody has used yet."""


class Stores:
    """Both keep what they have committed when they are killed: they are started as in production."""

    def __init__(self, folder: Path, postgres: EmbeddedServer, redis: EmbeddedServer, disk: Disk | None) -> None:
        self._folder = folder
        self.disk = disk
        """Postgres' own, where one could be mounted."""
        self.postgres = postgres
        self.redis = redis
        self.postgres_lock = asyncio.Lock()
        """Held by whoever breaks the server: one blow at a time."""
        self.redis_lock = asyncio.Lock()

    @classmethod
    async def start(cls, folder: Path) -> "Stores":
        """Raises StoreUnavailable where one does not come up."""
        disk = mount_disk(folder / "postgres")
        postgres = await asyncio.to_thread(start_postgres, folder / "postgres")
        redis = await asyncio.to_thread(start_redis, folder / "redis")
        return cls(folder, postgres, redis, disk)

    async def stop(self) -> None:
        await asyncio.to_thread(self.redis.stop)
        await asyncio.to_thread(self.postgres.stop)
        if self.disk:
            self.disk.unmount()

    async def revive_postgres(self) -> None:
        """Start it where it gave itself up."""
        if not self.postgres.program.running():
            await self.restart_postgres()

    async def restart_postgres(self) -> None:
        """An immediate shutdown, as by a crash, and a start: it recovers from its log."""
        await _end(self.postgres, signal.SIGQUIT)
        before = self.postgres
        self.postgres = await self._start_postgres()
        await asyncio.to_thread(before.stop)

    async def restart_redis(self, memory: "Memory") -> None:
        """Kill -9 and a start, with what it remembers then."""
        await _end(self.redis, signal.SIGKILL)
        if memory is not Memory.ALL:
            await asyncio.to_thread(self._log.unlink)
        if memory is Memory.OLD:
            await asyncio.to_thread(shutil.copyfile, self._old_log, self._log)
        before = self.redis
        self.redis = await asyncio.to_thread(start_redis, self._folder / "redis")
        await asyncio.to_thread(before.stop)

    def back_up_redis(self) -> None:
        """Keep a copy of its append-only file, to be restored much too late."""
        shutil.copyfile(self._log, self._old_log)

    @property
    def _log(self) -> Path:
        """One file, as Redis 6 has it, which the embedded one is."""
        return self._folder / "redis" / "appendonly.aof"

    @property
    def _old_log(self) -> Path:
        return self._log.with_suffix(".old")

    async def _start_postgres(self) -> EmbeddedServer:
        """What prepares it may meet a server that still recovers: then once more, and it is joined."""
        for _ in range(_STARTS - 1):
            with suppress(StoreUnavailable):
                return await asyncio.to_thread(start_postgres, self._folder / "postgres")
            await asyncio.sleep(1)
        return await asyncio.to_thread(start_postgres, self._folder / "postgres")

    def signal(self, server: EmbeddedServer, number: signal.Signals) -> None:
        """To the server and every process of it."""
        pid = _pid(server)
        for member in family(pid) if pid else ():
            with suppress(ProcessLookupError):
                os.kill(member, number)


def postgres_socket(server: EmbeddedServer) -> str:
    """The path of its socket, which its URL names the folder of."""
    return f"{parse_qs(urlsplit(server.url).query)['host'][0]}/.s.PGSQL.5432"


def redis_socket(server: EmbeddedServer) -> str:
    return unquote(urlsplit(server.url).path)


def _pid(server: EmbeddedServer) -> int | None:
    return guard.running(server.program.pid_file, server.program.marker)


async def _end(server: EmbeddedServer, number: signal.Signals) -> None:
    pid = _pid(server)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    try:
        async with asyncio.timeout(_GONE_S):
            while _pid(server):  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(_POLL_S)
    except TimeoutError as exc:
        raise StoreUnavailable(f"{server.program.name} does not end, see {server.program.log}") from exc
