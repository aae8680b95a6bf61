"""Looks for personal data where it must not be: in Redis while it works, in the processes' logs afterwards."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from duecourse.simulator.chaos.people import MARKS
from duecourse.simulator.chaos.world import World

_EVERY_S = 5.0
_READS = {
    b"string": ("GET",),
    b"list": ("LRANGE", "0", "-1"),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", "0", "-1"),
    b"hash": ("HGETALL",),
}


async def watch_redis(world: World, found: set[str]) -> None:
    """Look again and again until cancelled; what is found is added to `found`."""
    while True:
        with suppress(RedisError, OSError):
            found |= await leaks_in_redis(world.app.redis)
        await asyncio.sleep(_EVERY_S)


async def leaks_in_redis(redis: Any) -> set[str]:
    """Keys whose name or value holds a mark."""
    found: set[str] = set()
    async for key in redis.scan_iter(count=1_000):
        read = _READS.get(await redis.type(key))
        value = await redis.execute_command(read[0], key, *read[1:]) if read else b""
        if marked(key + repr(value).encode()):
            found.add(key.decode(errors="replace"))
    return found


def leaks_in_logs(folder: Path) -> list[str]:
    """Files of which a line holds a mark."""
    return [path.name for path in sorted(folder.glob("*.log")) if any(map(marked, path.open("rb")))]


def marked(text: bytes) -> bool:
    return any(mark in text for mark in MARKS)
