"""Drives the virtual clock: waits until the real pipeline rests, lets the borrowers live, jumps to what is due next."""

import asyncio
import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from duecourse.bootstrap import App
from duecourse.domain.errors import DuecourseError
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.ledger.demo import DemoRows, Point, Pulse
from duecourse.simulator.borrowers import Act, Crowd
from duecourse.simulator.people import People, unsubscribe_link
from duecourse.simulator.remote import Book, RemoteSandbox
from duecourse.simulator.stepping import next_step

_POLL_S = 0.03
_RING_S = 0.2
_PATIENCE_S = 120.0
"""Far above any retry inside one step: whoever passes it is stuck."""

Watch = Callable[[datetime, Mapping[str, int]], None]
"""Called after each step with the business time and the number of contacts in each state."""


@dataclass(kw_only=True)
class Driver:
    app: App
    sandbox: RemoteSandbox
    book: Book
    crowd: Crowd
    people: People
    points: Mapping[tuple[ChannelKind, str], Sequence[Point]]
    """Who is behind an address: now and then two share a phone."""
    watch: Watch = lambda _now, _states: None
    acts: list[Act] = field(default_factory=list)
    """A heap of what borrowers are going to do."""

    async def run(self, start: datetime, end: datetime) -> None:
        """From `start` to `end`, everything that is due in between done and recorded.

        Raises:
            DuecourseError: the pipeline does not come to rest.
        """
        self.acts = self.crowd.own_acts(start, end)
        heapq.heapify(self.acts)
        now = start
        while True:
            await self._step(now)
            pulse = await self._rest(now)
            self._listen()
            self.watch(now, await self._states())
            if now >= end:
                return
            now = next_step(now, [pulse.next_at], end)

    async def set_clock(self, now: datetime) -> None:
        """Tell everybody what time it is; the provider first, so that nothing is accepted with an old time."""
        await self.sandbox.set_clock(now)
        async with self.app.ledger.transaction() as tx:
            await DemoRows(tx.conn, tx.vault).step(now, await self.app.clock.read())
        await self.app.bell.hint_clock()

    async def _step(self, now: datetime) -> None:
        await self.set_clock(now)
        due = []
        while self.acts and self.acts[0].at <= now:
            due.append(heapq.heappop(self.acts))
        # Right into the release of this step: payments and messages race, as they do in life.
        await self.people.do(due)

    async def _rest(self, now: datetime) -> Pulse:
        """Once the ledger rests nothing more is accepted, and so no receipt comes after the last: ask in that order."""
        until, ring_at = time.monotonic() + _PATIENCE_S, time.monotonic() + _RING_S
        while True:
            pulse = await self._pulse()
            if pulse.rests and not (await self.sandbox.state())["pending_receipts"]:
                pulse = await self._pulse()
                if pulse.rests:
                    return pulse
            if time.monotonic() > until:
                raise DuecourseError(f"the pipeline does not come to rest at {now.isoformat()}: {_open(pulse)}")
            if not pulse.working and time.monotonic() > ring_at:
                # The scheduler would look again within a second; a virtual day cannot wait that long each time.
                await self.app.bell.hint_clock()
                ring_at = time.monotonic() + _RING_S
            await asyncio.sleep(_POLL_S)

    def _listen(self) -> None:
        """Let borrowers read what came."""
        for entry in self.book.read_on():
            if entry["kind"] != "accepted":
                continue
            at = datetime.fromisoformat(entry["virtual_at"])
            for point in self.points.get((ChannelKind(entry["channel"]), entry["to"]), ()):
                for act in self.crowd.on_message(point, at, unsubscribe_link(entry)):
                    heapq.heappush(self.acts, act)

    async def _pulse(self) -> Pulse:
        async with self.app.ledger.transaction() as tx:
            return await DemoRows(tx.conn, tx.vault).pulse(self.app.kinds, self._askable)

    async def _states(self) -> dict[str, int]:
        async with self.app.ledger.transaction() as tx:
            return await DemoRows(tx.conn, tx.vault).states()

    @property
    def _askable(self) -> list[ChannelKind]:
        return [p.channel for p in self.app.settings.providers if p.enabled and p.resolution is not Resolution.NONE]


def _open(pulse: Pulse) -> str:
    words = {"in work": pulse.working, "ready": pulse.ready, "to resolve": pulse.resolving, "inbox": pulse.inbox}
    return ", ".join(f"{name} {count}" for name, count in words.items() if count) or "no scheduler tick"
