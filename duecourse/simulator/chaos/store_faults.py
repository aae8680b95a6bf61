"""Postgres and Redis crash, freeze, forget, refuse, and hang up."""

import asyncio
import signal
from contextlib import suppress
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from duecourse.embedded import EmbeddedServer
from duecourse.ledger.chaos import cut_backends, exhaust_connections, lock_borrowers
from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.stores import Memory
from duecourse.simulator.chaos.world import World

_SHORT_OF_MEMORY = "1mb"


async def _restart_postgres(world: World, _draw: Draw) -> bool:
    if world.stores.postgres_lock.locked():
        return False
    async with world.stores.postgres_lock:
        await world.stores.restart_postgres()
    return True


async def _cut(world: World, draw: Draw, *, busy: bool) -> bool:
    """Hang up on some; where `busy` only in the middle of their transaction, for which we look again and again."""
    limit = 1 + draw.whole(6, "limit")
    for _ in range(40 if busy else 1):
        if await cut_backends(world.app.settings.owner_database_url, salt=draw.place, limit=limit, busy=busy):
            return True
        await asyncio.sleep(0.02)
    return False


async def _freeze(world: World, draw: Draw, server: EmbeddedServer, lock: asyncio.Lock) -> bool:
    if lock.locked():
        return False
    async with lock:
        try:
            world.stores.signal(server, signal.SIGSTOP)
            await asyncio.sleep(draw.between(1, 5, "frozen"))
        finally:
            world.stores.signal(server, signal.SIGCONT)
    return True


async def _freeze_postgres(world: World, draw: Draw) -> bool:
    return await _freeze(world, draw, world.stores.postgres, world.stores.postgres_lock)


async def _freeze_redis(world: World, draw: Draw) -> bool:
    return await _freeze(world, draw, world.stores.redis, world.stores.redis_lock)


async def _restart_redis(world: World, _draw: Draw, *, memory: Memory) -> bool:
    if world.stores.redis_lock.locked():
        return False
    async with world.stores.redis_lock:
        await world.stores.restart_redis(memory)
    return True


async def _command(world: World, _draw: Draw, *, words: tuple[str, ...]) -> bool:
    redis: Any = world.app.redis
    with suppress(RedisError, OSError):
        await redis.execute_command(*words)
        return True
    return False


async def _no_memory(world: World, draw: Draw) -> bool:
    """It refuses every write that needs room, and then has room again."""
    if world.stores.redis_lock.locked():
        return False
    async with world.stores.redis_lock:
        done = await _command(world, draw, words=("CONFIG", "SET", "maxmemory", _SHORT_OF_MEMORY))
        await asyncio.sleep(draw.between(1, 4, "short"))
        await _command(world, draw, words=("CONFIG", "SET", "maxmemory", "0"))
    return done


async def _read_only(world: World, draw: Draw) -> bool:
    """As after a failover: for a while it is a replica, which takes no writes."""
    if world.stores.redis_lock.locked():
        return False
    async with world.stores.redis_lock:
        done = await _command(world, draw, words=("REPLICAOF", "127.0.0.1", "1"))
        await asyncio.sleep(draw.between(0.5, 3, "replica"))
        await _command(world, draw, words=("REPLICAOF", "NO", "ONE"))
    return done


async def _cut_owner(world: World, draw: Draw) -> bool:
    """The sessions by which processes prove that they live end, and nothing else does."""
    return await cut_backends(world.app.settings.owner_database_url, salt=draw.place, limit=2, owners=True) > 0


async def _no_connections(world: World, draw: Draw) -> bool:
    """Somebody else takes every connection that is left."""
    return await exhaust_connections(world.app.settings.database_url, draw.between(1, 4, "exhausted"))


async def _rows_locked(world: World, draw: Draw) -> bool:
    """An old transaction sits on many borrowers, and on the horizon of everything that was deleted since."""
    return await lock_borrowers(world.app.settings.owner_database_url, draw.between(1, 4, "locked"))


async def _disk_full(world: World, draw: Draw) -> bool:
    """No table and no log may grow; Postgres may give up, and is started again once there is room."""
    disk = world.stores.disk
    if disk is None or world.stores.postgres_lock.locked():
        return False
    async with world.stores.postgres_lock:
        disk.fill()
        await asyncio.sleep(draw.between(1, 4, "full"))
        disk.free()
        await world.stores.revive_postgres()
    return True


STORE_FAULTS = (
    Fault(name="postgres-crash", weight=3, deed=_restart_postgres),
    Fault(name="postgres-freeze", weight=2, deed=_freeze_postgres),
    Fault(name="postgres-cut", weight=6, deed=partial(_cut, busy=False)),
    Fault(name="postgres-cut-mid-transaction", weight=8, deed=partial(_cut, busy=True)),
    Fault(name="postgres-cut-owner", weight=4, deed=_cut_owner),
    Fault(name="postgres-disk-full", weight=2, deed=_disk_full),
    Fault(name="postgres-no-connections", weight=2, deed=_no_connections),
    Fault(name="postgres-rows-locked", weight=3, deed=_rows_locked),
    Fault(name="redis-kill", weight=3, deed=partial(_restart_redis, memory=Memory.ALL)),
    Fault(name="redis-restart-empty", weight=2, deed=partial(_restart_redis, memory=Memory.NOTHING)),
    Fault(name="redis-restored-old", weight=2, deed=partial(_restart_redis, memory=Memory.OLD)),
    Fault(name="redis-freeze", weight=2, deed=_freeze_redis),
    Fault(name="redis-no-memory", weight=3, deed=_no_memory),
    Fault(name="redis-read-only", weight=3, deed=_read_only),
    Fault(name="redis-flushall", weight=6, deed=partial(_command, words=("FLUSHALL",))),
    Fault(name="redis-script-flush", weight=4, deed=partial(_command, words=("SCRIPT", "FLUSH"))),
    Fault(
        name="redis-client-kill",
        weight=6,
        deed=partial(_command, words=("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")),
    ),
    Fault(name="redis-pause", weight=3, deed=partial(_command, words=("CLIENT", "PAUSE", "2500", "ALL"))),
)
