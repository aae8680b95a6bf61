"""Decide for each contact of a job which provider of a shared route it leaves through, before its tokens are taken."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from duecourse.domain.clock import Clock
from duecourse.domain.contact import AttemptKind
from duecourse.domain.vocabulary import OutcomeClass
from duecourse.ports import STRAIGHT, Answered, Channel, Health, Ledger, Past, Way
from duecourse.routing.choice import rank, reconsider, weigh
from duecourse.routing.health import tally_of
from duecourse.routing.route import Lane, Route

_TAKEN = frozenset({OutcomeClass.ACCEPTED, OutcomeClass.DUPLICATE})
_CLOSED = Way(closed=True)


@dataclass(frozen=True, kw_only=True)
class ChooseProviders:
    """One read of the ledger per job. What it says may be stale: the claim decides, this only says by whom.

    A contact that is perhaps processed goes to the provider that was called, whoever is healthy.
    """

    ledger: Ledger
    clock: Clock
    health: Health
    route: Route
    """Its enabled providers, more than one."""

    async def __call__(
        self, contact_ids: Sequence[int], behind: Callable[[str], bool] = lambda _: False
    ) -> dict[str, dict[int, Way]]:
        """By provider: its contacts in the order given. Contacts that are past sending and resolving are left out."""
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            found = {past.contact_id: past for past in await tx.routing.past(contact_ids)}
        lanes = _Lanes(self.route, await self.health.shares(self.route.channel), behind)
        chosen: dict[str, dict[int, Way]] = defaultdict(dict)
        for contact_id in contact_ids:
            past = found.get(contact_id)
            if past:
                provider, way = self._choose(past, lanes, times.business)
                chosen[provider][contact_id] = way
        return chosen

    async def report(self, channel: Channel, answered: Sequence[Answered]) -> None:
        """Let all workers know how this account's calls ended."""
        ended = [(armed, outcome) for armed, outcome in answered if outcome and armed.provider == channel.name]
        taken = sum(armed.kind is AttemptKind.SEND and outcome.kind in _TAKEN for armed, outcome in ended)
        sent = taken if channel.capability.receipts else 0
        await self.health.see(self.route.channel, channel.name, tally_of(o for _, o in ended), sent=sent)

    def _choose(self, past: Past, lanes: "_Lanes", now: datetime) -> tuple[str, Way]:
        if past.held_by:
            return past.held_by, STRAIGHT
        line = lanes.in_line(past, now)
        if not line:
            return self.route.providers[0], _CLOSED
        untried = [name for name in line[1:] if name not in past.tried.first]
        return line[0], Way(elsewhere=bool(untried), give_up_at=self._give_up_at(past, now))

    def _give_up_at(self, past: Past, now: datetime) -> datetime | None:
        if self.route.deadlines is None or not past.more_channels:
            return None
        began = min(past.tried.first.values(), default=now)
        return began + timedelta(seconds=self.route.deadlines.channel_s)


class _Lanes:
    """The route as it is at this moment, for the contacts of one job."""

    def __init__(self, route: Route, shares: Mapping[str, float], behind: Callable[[str], bool]) -> None:
        self._route = route
        self._shares = shares
        self._behind: Collection[str] = {name for name in route.providers if behind(name)}
        self._weights: dict[str, dict[str, float]] = {}
        self._provider_s = route.deadlines.provider_s if route.deadlines else float("inf")

    def in_line(self, past: Past, now: datetime) -> list[str]:
        """Who serves the contact, in order. Who cannot keep up just now comes after the others."""
        weights = self._weights.get(past.country)
        if weights is None:
            serving: list[Lane] = [lane for lane in self._route.lanes if lane.serves(past.country)]
            weights = self._weights[past.country] = weigh(serving, self._shares)
        line = rank(weights, past.contact_id, past.attempts)
        if past.tried.first:
            line = reconsider(line, past.tried, now=now, provider_s=self._provider_s)
        return sorted(line, key=self._behind.__contains__) if self._behind else line
