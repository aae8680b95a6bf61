"""Wakes the scheduler before its next tick: a Redis list, where nothing is kept that would be missed.

Key `duecourse:{bell}`: a list of words, at most `_LONGEST`, each saying what may have changed.
"""

import contextlib

from redis.asyncio import Redis
from redis.exceptions import RedisError

_KEY = "duecourse:{bell}"
_LONGEST = 16


class RedisBell:
    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def hint_inbox(self) -> None:
        """A webhook was stored."""
        await self._ring("inbox")

    async def hint_book(self) -> None:
        """Instalments, borrowers or cadences changed: plan at the next tick."""
        await self._ring("book")

    async def hint_clock(self) -> None:
        """A virtual clock was stepped."""
        await self._ring("clock")

    async def wait(self, seconds: float) -> str | None:
        """The next word, or None after `seconds`, or at once where Redis is away (the caller paces itself)."""
        answer = await self._redis.blpop([_KEY], timeout=seconds)
        word = answer[1] if answer else None
        return word.decode() if isinstance(word, bytes) else word

    async def _ring(self, word: str) -> None:
        with contextlib.suppress(RedisError, OSError):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.rpush(_KEY, word)
                pipe.ltrim(_KEY, 0, _LONGEST - 1)
                await pipe.execute()
