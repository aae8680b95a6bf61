"""What a worker fetches itself while the broker is away: released contacts whose hint did not arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from duecourse.domain.clock import Clock
from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.ports import Ledger, Limiter


@dataclass(frozen=True, kw_only=True)
class PullContacts:
    """Rows are taken with SKIP LOCKED, so that several workers fetch different ones; a double is harmless."""

    ledger: Ledger
    clock: Clock
    limiter: Limiter
    channel: ChannelKind
    providers: Sequence[str]
    """Names of the enabled provider accounts of the channel."""
    ripe_after: timedelta = timedelta(seconds=2)
    """Released for so long: its hint does not come any more. Below what the scheduler hints again after."""
    most: int = 100

    async def __call__(self, urgency: Urgency) -> list[int]:
        """Ids of this class, no more than can be sent before they would be ripe for another worker."""
        within_s = self.ripe_after.total_seconds()
        room = sum([await self.limiter.left(name, within_s, priority=urgency) for name in self.providers])
        if room <= 0:
            return []
        times, limit = await self.clock.read(), min(room, self.most)
        async with self.ledger.transaction() as tx:
            found = await tx.releases.stale(self.channel, self.ripe_after, limit, times=times, urgency=urgency)
        return list(found[urgency])
