"""The provider account's rate, shared by all workers through Redis; a local share of it while Redis is away.

It keeps providers happy and is not the law: legal caps are rows in Postgres. It never fails open.
"""

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from channels.gcra import SECOND, Account, Limits, Rate, Recipients, Share, reserve_of
from duecourse.domain.clock import Monotonic
from duecourse.domain.vocabulary import Urgency
from duecourse.ports import Grant
from duecourse.settings import Provider

log = structlog.get_logger()

#: Of the rate, while workers cannot see each other: they start and stop without our knowing.
SAFE_SHARE = 0.8
#: How long to go on alone before asking Redis again.
_AWAY_S = 1.0
_TIMEOUT_S = 1.0
_MAX_PAUSE_S = 3_600.0
#: A blind index or a hash. Not an e-mail address (@), and too long for a telephone number.
_RECIPIENT_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")


def rates_of(providers: Iterable[Provider]) -> dict[str, Limits]:
    return {provider.name: _limits(provider) for provider in providers}


def _limits(provider: Provider) -> Limits:
    classes, recipient = provider.classes, provider.recipient
    return Limits(
        account=Rate(per_s=provider.rate_per_s, burst=provider.burst),
        endpoints={name: Rate(per_s=e.rate_per_s, burst=e.burst) for name, e in provider.endpoints.items()},
        shares=(
            Share(up_to=Urgency.URGENT, fraction=classes.urgent),
            Share(up_to=Urgency.NORMAL, fraction=classes.normal),
            Share(up_to=Urgency.BULK, fraction=classes.bulk),
        ),
        reserve=classes.reserve,
        recipient=Rate(per_s=1 / recipient.every_s, burst=recipient.burst) if recipient else None,
    )


def connect(redis_url: str) -> Redis:
    """A client that never repeats a call: a script whose answer was lost has run."""
    return Redis.from_url(
        redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )


def script_of(client: Redis, name: str) -> AsyncScript:
    return client.register_script(files("channels").joinpath(name).read_text("utf-8"))


def call_of(provider: str, limits: Limits, *, turn: int = 0, endpoint: str = "") -> tuple[list[str], list[Any]]:
    """The keys of a call of `gcra.lua`, and its arguments after the operation and the amount."""
    keys = [f"duecourse:{{{provider}}}:pace"]
    arguments: list[Any] = [turn + 1 if limits.shares else 0]
    for name, rate in limits.cells(endpoint):
        own = rate.share(limits.shares[turn].fraction) if limits.shares else rate
        keys.append(f"duecourse:{{{provider}}}:{name}")
        arguments += [repr(rate.emission), rate.burst, reserve_of(rate, limits), repr(own.emission), own.burst]
    return keys, arguments


class RedisLimiter:
    """Implements `ports.Limiter`. `expected_workers` is how many processes share a rate while Redis is away."""

    def __init__(
        self,
        client: Redis,
        limits: Mapping[str, Limits],
        *,
        expected_workers: int = 4,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._client = client
        self._limits = dict(limits)
        self._script = script_of(client, "gcra.lua")
        self._recipients = script_of(client, "recipients.lua")
        self._monotonic = monotonic
        self._away_until = 0
        part = SAFE_SHARE / max(expected_workers, 1)
        self._alone = {name: Account(limit.part(part)) for name, limit in self._limits.items()}
        self._known = {name: Recipients(limit.recipient) for name, limit in self._limits.items() if limit.recipient}

    async def aclose(self) -> None:
        await self._client.aclose()

    async def take(self, provider: str, want: int, *, priority: int = 5, endpoint: str = "") -> Grant:
        alone, turn = self._alone[provider], self._limits[provider].turn(priority)
        silence = alone.silence(self._now())
        if want <= 0 or silence:
            return Grant(granted=0, wait_s=silence / SECOND)
        answer = await self._ask(provider, "take", want, turn=turn, endpoint=endpoint)
        granted, wait = answer[:2] if answer else alone.take(self._now(), want, turn=turn, endpoint=endpoint)
        return Grant(granted=granted, wait_s=wait / SECOND)

    async def give_back(self, provider: str, count: int, *, endpoint: str = "") -> None:
        if count > 0 and await self._ask(provider, "give", count, endpoint=endpoint) is None:
            self._alone[provider].give(self._now(), count, endpoint=endpoint)

    async def left(self, provider: str, within_s: float, *, priority: int = 5, endpoint: str = "") -> int:
        turn, within = self._limits[provider].turn(priority), int(within_s * SECOND)
        answer = await self._ask(provider, "left", within, turn=turn, endpoint=endpoint)
        if answer:
            return answer[0]
        return self._alone[provider].left(self._now(), within, turn=turn, endpoint=endpoint)

    async def pause(self, provider: str, seconds: float) -> None:
        """At most an hour; a shorter pause never ends a longer one. All workers go slower for a while after it."""
        span = int(min(max(seconds, 0.0), _MAX_PAUSE_S) * SECOND)
        # Also here: should Redis be away or lose it, at least we keep silent.
        self._alone[provider].pause(self._now(), span)
        await self._ask(provider, "pause", span)

    def recipient_every_s(self, provider: str) -> float | None:
        rate = self._limits[provider].recipient
        return 1 / rate.per_s if rate else None

    async def take_recipients(self, provider: str, keys: Sequence[str]) -> list[bool]:
        """Workers that are alone know only of what they sent themselves since Redis went away.

        Raises:
            ValueError: a key is no blind index or hash.
        """
        rate, known = self._limits[provider].recipient, self._known.get(provider)
        if not all(_RECIPIENT_KEY.fullmatch(key) for key in keys):
            raise ValueError(f"a recipient of {provider} is not named by a blind index or a hash")
        if rate is None or known is None or not keys:
            return [True] * len(keys)
        names = [f"duecourse:{{{provider}}}:to:{key}" for key in keys]
        answer = await self._call(self._recipients, provider, names, [repr(rate.emission), rate.burst])
        return known.take(self._now(), keys) if answer is None else [bool(one) for one in answer[:-1]]

    async def _ask(
        self, provider: str, operation: str, amount: int, *, turn: int = 0, endpoint: str = ""
    ) -> list[int] | None:
        keys, arguments = call_of(provider, self._limits[provider], turn=turn, endpoint=endpoint)
        return await self._call(self._script, provider, keys, [operation, amount, *arguments])

    async def _call(
        self, script: AsyncScript, provider: str, keys: Sequence[str], arguments: Sequence[Any]
    ) -> list[int] | None:
        """The script's answer; None while Redis is away."""
        if self._now() < self._away_until:
            return None
        try:
            return cast("list[int]", await script(keys, arguments))
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
        self.priorities: list[int] = []
        self.every_s: float | None = None
        self.refused_recipients: set[str] = set()

    async def take(
        self,
        provider: str,
        want: int,
        *,
        priority: int = 5,
        endpoint: str = "",  # noqa: ARG002 - it has one budget per provider
    ) -> Grant:
        granted = min(want, self._room(provider, want))
        self.priorities.append(priority)
        self.taken[provider] += granted
        if provider in self.budget:
            self.budget[provider] -= granted
        return Grant(granted=granted, wait_s=0.0 if granted == want else self.wait_s)

    async def give_back(self, provider: str, count: int, *, endpoint: str = "") -> None:  # noqa: ARG002 - as above
        self.given_back[provider] += count
        if provider in self.budget:
            self.budget[provider] += count

    async def left(
        self,
        provider: str,
        within_s: float,  # noqa: ARG002 - it has no clock
        *,
        priority: int = 5,  # noqa: ARG002 - and no classes
        endpoint: str = "",  # noqa: ARG002
    ) -> int:
        return self._room(provider, 1_000_000)

    async def pause(self, provider: str, seconds: float) -> None:
        self.pauses.append((provider, seconds))

    def recipient_every_s(self, provider: str) -> float | None:  # noqa: ARG002 - one for all
        return self.every_s

    async def take_recipients(self, provider: str, keys: Sequence[str]) -> list[bool]:  # noqa: ARG002 - one for all
        return [key not in self.refused_recipients for key in keys]

    def _room(self, provider: str, otherwise: int) -> int:
        paused = any(name == provider for name, _ in self.pauses)
        return 0 if paused else self.budget.get(provider, otherwise)
