"""The provider account's rate, shared by all workers through Redis; a local share of it while Redis is away.

It keeps providers happy and is not the law: legal caps are rows in Postgres. It never fails open.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from channels.gcra import SECOND, Cell, Rate
from duecourse.domain.clock import Monotonic
from duecourse.ports import Grant
from duecourse.settings import Provider

log = structlog.get_logger()

#: Of the rate, while workers cannot see each other: they start and stop without our knowing.
SAFE_SHARE = 0.8
#: How long to go on alone before asking Redis again.
_AWAY_S = 1.0
_TIMEOUT_S = 1.0
_MAX_PAUSE_S = 3_600.0
_SCRIPT = files("channels").joinpath("gcra.lua").read_text("utf-8")


def rates_of(providers: Iterable[Provider]) -> dict[str, Rate]:
    return {provider.name: Rate(per_s=provider.rate_per_s, burst=provider.burst) for provider in providers}


def connect(redis_url: str) -> Redis:
    """A client that never repeats a call: a script whose answer was lost has run."""
    return Redis.from_url(
        redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )


class RedisLimiter:
    """Implements `ports.Limiter`. `expected_workers` is how many processes share a rate while Redis is away."""

    def __init__(
        self,
        client: Redis,
        rates: Mapping[str, Rate],
        *,
        expected_workers: int = 4,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._client = client
        self._rates = dict(rates)
        self._script = client.register_script(_SCRIPT)
        self._monotonic = monotonic
        self._away_until = 0
        share = SAFE_SHARE / max(expected_workers, 1)
        self._alone = {name: Cell(rate.share(share)) for name, rate in self._rates.items()}

    async def aclose(self) -> None:
        await self._client.aclose()

    async def take(self, provider: str, want: int) -> Grant:
        silence = self._alone[provider].silence(self._now())
        if want <= 0 or silence:
            return Grant(granted=0, wait_s=silence / SECOND)
        answer = await self._call(provider, "take", want)
        granted, wait = answer[:2] if answer else self._alone[provider].take(self._now(), want)
        return Grant(granted=granted, wait_s=wait / SECOND)

    async def give_back(self, provider: str, count: int) -> None:
        if count > 0 and await self._call(provider, "give", count) is None:
            self._alone[provider].give(self._now(), count)

    async def left(self, provider: str, within_s: float) -> int:
        within = int(within_s * SECOND)
        answer = await self._call(provider, "left", within)
        return answer[0] if answer else self._alone[provider].left(self._now(), within)

    async def pause(self, provider: str, seconds: float) -> None:
        """At most an hour; a shorter pause never ends a longer one."""
        span = int(min(max(seconds, 0.0), _MAX_PAUSE_S) * SECOND)
        # Also here: should Redis be away or lose it, at least we keep silent.
        self._alone[provider].pause(self._now(), span)
        await self._call(provider, "pause", span)

    async def _call(self, provider: str, operation: str, amount: int) -> list[int] | None:
        """The script's answer; None while Redis is away."""
        rate = self._rates[provider]
        if self._now() < self._away_until:
            return None
        keys = (f"duecourse:{{{provider}}}:tat", f"duecourse:{{{provider}}}:pause")
        try:
            return cast("list[int]", await self._script(keys, (operation, repr(rate.emission), rate.burst, amount)))
        except (RedisError, OSError) as exc:
            self._away_until = self._now() + int(_AWAY_S * SECOND)
            log.warning("limiter.alone", provider=provider, error=type(exc).__name__)
            return None

    def _now(self) -> int:
        return int(self._monotonic() * SECOND)


class FakeLimiter:
    """Grants all that is wanted, or what `budget` still holds for the provider; remembers what was asked of it."""

    def __init__(self, budget: Mapping[str, int] | None = None, *, wait_s: float = 1.0) -> None:
        self.budget = dict(budget or {})
        self.wait_s = wait_s
        self.taken: dict[str, int] = defaultdict(int)
        self.given_back: dict[str, int] = defaultdict(int)
        self.pauses: list[tuple[str, float]] = []

    async def take(self, provider: str, want: int) -> Grant:
        granted = min(want, self._room(provider, want))
        self.taken[provider] += granted
        if provider in self.budget:
            self.budget[provider] -= granted
        return Grant(granted=granted, wait_s=0.0 if granted == want else self.wait_s)

    async def give_back(self, provider: str, count: int) -> None:
        self.given_back[provider] += count
        if provider in self.budget:
            self.budget[provider] += count

    async def left(self, provider: str, within_s: float) -> int:  # noqa: ARG002 - it has no clock
        return self._room(provider, 1_000_000)

    async def pause(self, provider: str, seconds: float) -> None:
        self.pauses.append((provider, seconds))

    def _room(self, provider: str, otherwise: int) -> int:
        paused = any(name == provider for name, _ in self.pauses)
        return 0 if paused else self.budget.get(provider, otherwise)
