"""Hand due contacts to the channels' queues: only what their providers can carry in the next seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from duecourse.domain.batches import batched
from duecourse.domain.clock import Clock
from duecourse.domain.vocabulary import ChannelKind, Urgency
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
        room = {urgency: await self._room(channel, urgency) for urgency in Urgency}
        times = await self.clock.read()
        released: dict[Urgency, list[int]] = {}
        async with self.ledger.transaction() as tx:
            under_way = await tx.releases.outstanding(channel, times=times)
            for urgency in Urgency:
                free = min(room[urgency] - under_way[urgency], self._limit)
                if free > 0:
                    ids = await tx.releases.release(channel, urgency, free, times=times, actor=self.actor)
                    released[urgency] = ids
            again = await tx.releases.stale(channel, self.stale_after, self._limit, times=times)
            alone = await tx.releases.stale(channel, self.stale_after, self._limit, times=times, suspects=True)
        # After the commit: a hint lost here is found again as stale.
        for some, size in ((released, self.batch), (again, self.batch), (alone, 1)):
            await hint_all(self.queue, channel, some, size)
        return sum(map(len, released.values()))

    async def _room(self, channel: ChannelKind, urgency: Urgency) -> int:
        """What the channel's accounts can surely carry of this class in the next seconds."""
        names = self.providers[channel]
        return sum([await self.limiter.left(name, self.window_s, priority=urgency) for name in names])


async def hint_all(queue: Queue, channel: ChannelKind, contact_ids: Mapping[Urgency, Sequence[int]], batch: int) -> int:
    """Hint these in batches of one class each, and say how many they were."""
    for urgency, ids in contact_ids.items():
        for some in batched(ids, batch):
            await queue.hint(channel, urgency, some)
    return sum(map(len, contact_ids.values()))
