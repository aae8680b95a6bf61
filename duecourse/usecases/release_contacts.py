"""Hand due contacts to the channels' queues: only what their providers can carry in the next seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from duecourse.domain.batches import batched
from duecourse.domain.clock import Clock
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import Ledger, Limiter, Queue


@dataclass(frozen=True, kw_only=True)
class ReleaseContacts:
    ledger: Ledger
    clock: Clock
    limiter: Limiter
    queue: Queue
    providers: Mapping[ChannelKind, Sequence[str]]
    """Names of the enabled provider accounts of each channel."""
    window_s: float
    stale_after: timedelta
    batch: int = 100
    actor: str = "scheduler"
    _limit: int = field(default=10_000)

    async def __call__(self) -> dict[str, int]:
        """How many were released per channel."""
        return {channel.value: await self._release(channel) for channel in self.providers}

    async def _release(self, channel: ChannelKind) -> int:
        room = sum([await self.limiter.left(name, self.window_s) for name in self.providers[channel]])
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            free = min(room - await tx.releases.outstanding(channel, times=times), self._limit)
            ids = await tx.releases.release(channel, free, times=times, actor=self.actor) if free > 0 else []
            again = await tx.releases.stale(channel, self.stale_after, self._limit, times=times)
        # After the commit: a hint lost here is found again as stale.
        for some in batched([*ids, *again], self.batch):
            await self.queue.hint(channel, some)
        return len(ids)
