"""How the providers of a channel do, shared by all workers through Redis. A hint: absent means healthy.

The changes of a provider's share are made and recorded in Postgres; here workers are told of them.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from channels.limits import script_of
from duecourse.domain.clock import Monotonic
from duecourse.domain.vocabulary import ChannelKind
from duecourse.routing.health import Tally
from duecourse.routing.sightings import Sightings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: How long to go on without Redis before asking it again.
_AWAY_S = 1.0
#: Told shares are asked for anew after this; a worker under load hears them with each of its reports.
_FRESH_S = 1.0


class RedisHealth:
    """Implements `ports.Health`. While Redis is away nothing is reported and the last shares stay in force.

    `memory_s`: how far back anything counts, per channel, in seconds.
    """

    def __init__(
        self, client: Redis, memory_s: Mapping[ChannelKind, int], *, monotonic: Monotonic = time.monotonic
    ) -> None:
        self._client = client
        self._memory_s = dict(memory_s)
        self._script = script_of(client, "health.lua")
        self._monotonic = monotonic
        self._away_until = float("-inf")
        self._shares: dict[ChannelKind, dict[str, float]] = {}
        self._heard: dict[ChannelKind, float] = {}

    async def aclose(self) -> None:
        await self._client.aclose()

    async def shares(self, channel: ChannelKind) -> Mapping[str, float]:
        if self._monotonic() - self._heard.get(channel, float("-inf")) >= _FRESH_S:
            await self._hear(channel, "", "shares", ())
        return self._shares.get(channel, {})

    async def see(self, channel: ChannelKind, provider: str, calls: Tally, *, sent: int = 0) -> None:
        counts = {sign.value: count for sign, count in calls.items() if count} | ({"sent": sent} if sent else {})
        if counts:
            await self._hear(channel, provider, "see", _flat(counts.items()))

    async def see_timely(self, channel: ChannelKind, provider: str, ages_s: Iterable[float]) -> None:
        ages = Counter(int(max(age, 0.0)) for age in ages_s)
        if ages:
            await self._hear(channel, provider, "timely", _flat(ages.items()))

    async def read(self, channel: ChannelKind, provider: str) -> Sightings | None:
        answer = await self._call(channel, provider, "read", ())
        if answer is None:
            return None
        words = [_text(word) for word in answer[1:]]
        pairs = zip(words[::2], words[1::2], strict=True)
        return Sightings(now=float(answer[0]), counts={field: int(count) for field, count in pairs})

    async def tell(self, channel: ChannelKind, shares: Mapping[str, float]) -> None:
        await self._hear(channel, "", "tell", _flat((name, repr(share)) for name, share in shares.items()))

    async def _hear(self, channel: ChannelKind, provider: str, operation: str, arguments: Sequence[Any]) -> None:
        answer = await self._call(channel, provider, operation, arguments)
        if answer is None:
            return
        words = [_text(word) for word in answer]
        self._shares[channel] = {name: float(share) for name, share in zip(words[::2], words[1::2], strict=True)}
        self._heard[channel] = self._monotonic()

    async def _call(
        self, channel: ChannelKind, provider: str, operation: str, arguments: Sequence[Any]
    ) -> list[Any] | None:
        """None while Redis is away."""
        if self._monotonic() < self._away_until:
            return None
        keys = [f"duecourse:{{route:{channel}}}:shares", f"duecourse:{{route:{channel}}}:seen:{provider}"]
        try:
            return cast("list[Any]", await self._script(keys, [operation, self._memory_s[channel], *arguments]))
        except (RedisError, OSError) as exc:
            self._away_until = self._monotonic() + _AWAY_S
            log.warning("health.alone", channel=channel.value, error=type(exc).__name__)
            return None


def _flat(pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [word for pair in pairs for word in pair]


def _text(word: bytes | str) -> str:
    return word.decode() if isinstance(word, bytes) else word


class FakeHealth:
    """Remembers what was seen, and tells the shares it was given."""

    def __init__(self, shares: Mapping[str, float] | None = None) -> None:
        self.told: dict[str, float] = dict(shares or {})
        self.seen: dict[str, Counter[Any]] = defaultdict(Counter)
        self.sightings: dict[str, Sightings] = {}

    async def shares(self, channel: ChannelKind) -> Mapping[str, float]:  # noqa: ARG002 - one for all
        return self.told

    async def see(self, channel: ChannelKind, provider: str, calls: Tally, *, sent: int = 0) -> None:  # noqa: ARG002
        counts: Counter[Any] = Counter(calls)
        counts["sent"] = sent
        self.seen[provider] += counts

    async def see_timely(self, channel: ChannelKind, provider: str, ages_s: Iterable[float]) -> None:  # noqa: ARG002
        self.seen[provider]["timely"] += len(list(ages_s))

    async def read(self, channel: ChannelKind, provider: str) -> Sightings | None:  # noqa: ARG002 - one for all
        return self.sightings.get(provider)

    async def tell(self, channel: ChannelKind, shares: Mapping[str, float]) -> None:  # noqa: ARG002 - one for all
        self.told = dict(shares)
