"""Judge the providers of shared routes: each change of a share is recorded once, with its reason, and then told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duecourse.domain.clock import Clock, Times
from duecourse.domain.event import Event
from duecourse.ports import Health, Ledger, Share
from duecourse.routing.health import Change, Evidence, in_time, judge
from duecourse.routing.route import Route


@dataclass(frozen=True, kw_only=True)
class JudgeProviders:
    """Several may run at once: a change names the version it was judged on, so only one of them makes it.

    What Redis forgot is told again from what is recorded; until then workers take everybody for healthy.
    """

    ledger: Ledger
    clock: Clock
    health: Health
    routes: Sequence[Route]
    """Those with more than one provider."""
    actor: str = "scheduler"

    async def __call__(self) -> dict[str, float]:
        """The shares that were changed, by provider."""
        changed: dict[str, float] = {}
        for route in self.routes:
            changed |= await self._judge(route)
        return changed

    async def _judge(self, route: Route) -> dict[str, float]:
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            shares = await tx.routing.shares(route.channel, route.providers, times=times)
        seen = await self._evidence(route, shares)
        wanted = {share.provider: _change(share, seen, route) for share in shares}
        changed = await self._record(route, [(share, wanted[share.provider]) for share in shares], seen, times)
        in_force = {share.provider: share.standing.share for share in shares} | changed
        # Not where another judge was first: it tells what is in force.
        if all(change is None or name in changed for name, change in wanted.items()):
            await self.health.tell(route.channel, in_force)
        return changed

    async def _evidence(self, route: Route, shares: Sequence[Share]) -> Mapping[str, Evidence]:
        """Nothing of whom nobody can tell now: that changes nothing."""
        found = {}
        for share in shares:
            sightings = await self.health.read(route.channel, share.provider)
            if sightings:
                found[share.provider] = sightings.evidence(route.health, share.standing.age_s)
        return found

    async def _record(
        self,
        route: Route,
        judged: Sequence[tuple[Share, Change | None]],
        seen: Mapping[str, Evidence],
        times: Times,
    ) -> dict[str, float]:
        made: dict[str, float] = {}
        if not any(change for _, change in judged):
            return made
        async with self.ledger.transaction() as tx:
            for share, change in judged:
                if change and await tx.routing.change(route.channel, share, change, times=times):
                    event = _event(route, share, change, seen[share.provider])
                    await tx.events.append(times, self.actor, [event])
                    made[share.provider] = change.share
        return made


def _change(share: Share, seen: Mapping[str, Evidence], route: Route) -> Change | None:
    evidence = seen.get(share.provider)
    if evidence is None:
        return None
    others = any(in_time(other, route.health) for name, other in seen.items() if name != share.provider)
    return judge(share.standing, evidence, route.health, others_in_time=others)


def _event(route: Route, share: Share, change: Change, evidence: Evidence) -> Event:
    sent, timely = evidence.receipts
    return Event(
        kind="provider.reweighted",
        data={
            "channel": route.channel.value,
            "provider": share.provider,
            "version": share.version + 1,
            "before": share.standing.share,
            "share": change.share,
            "reason": change.reason.value,
            "calls": {sign.value: count for sign, count in sorted(evidence.recent.items())},
            "receipts": {"due": sent, "in_time": timely},
        },
    )
