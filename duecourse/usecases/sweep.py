"""What must happen though nobody asks: expire, find dead owners, resolve or give up, miss what nobody recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from duecourse.domain.clock import Clock
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.ports import Ledger, ProviderTerms, Queue
from duecourse.usecases.release_contacts import hint_all


@dataclass(frozen=True, kw_only=True)
class Sweep:
    ledger: Ledger
    clock: Clock
    queue: Queue
    channels: Sequence[ChannelKind]
    terms: Sequence[ProviderTerms]
    reservation: timedelta = timedelta(hours=24)
    """How long after its time a reserved call or visit may go unrecorded."""
    batch: int = 100
    actor: str = "scheduler"

    async def __call__(self) -> dict[str, int]:
        """How many contacts each step moved or asked about, and how many dead processes were forgotten."""
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            expired = await tx.sweeps.expire(times=times, actor=self.actor)
        async with self.ledger.transaction() as tx:
            abandoned = await tx.sweeps.abandon(self._settle, times=times, actor=self.actor)
            assumed = await tx.sweeps.assume_sent(self._horizons, asked=self._asked, times=times, actor=self.actor)
        async with self.ledger.transaction() as tx:
            quarantined = await tx.trials.blame(times=times, actor=self.actor)
        async with self.ledger.transaction() as tx:
            unrecorded = await tx.book.encounters.overdue(
                times.business - self.reservation, times=times, actor=self.actor
            )
        async with self.ledger.transaction() as tx:
            owners = await tx.sweeps.forget_owners(times=times)
        return {
            "expired": expired,
            "abandoned": abandoned,
            "assumed_sent": assumed,
            "quarantined": quarantined,
            "unrecorded": unrecorded,
            "resolving": await self._resolve(),
            "owners_forgotten": owners,
        }

    async def _resolve(self) -> int:
        """Hint unknown contacts whose waiting time is over: a worker claims them like any other."""
        count = 0
        for channel in self.channels:
            times = await self.clock.read()
            async with self.ledger.transaction() as tx:
                ids = await tx.sweeps.resolvable(channel, times=times)
                alone = await tx.sweeps.resolvable(channel, times=times, suspects=True)
            for some, size in ((ids, self.batch), (alone, 1)):
                count += await hint_all(self.queue, channel, some, size)
        return count

    @property
    def _settle(self) -> Mapping[str, float]:
        return {term.provider: term.settle_s for term in self.terms}

    @property
    def _horizons(self) -> Mapping[str, float]:
        return {
            term.provider: term.window_s if term.resolution is Resolution.KEY else term.horizon_s for term in self.terms
        }

    @property
    def _asked(self) -> set[str]:
        return {term.provider for term in self.terms if term.resolution is Resolution.LOOKUP}
