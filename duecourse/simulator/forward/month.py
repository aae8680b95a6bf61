"""Runs the days: planning, release, delivery, receipts and what borrowers do, from one due instant to the next."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from channels.fake import FakeChannel
from duecourse.bootstrap import App
from duecourse.cadence.rung import Cadence
from duecourse.domain.batches import batched
from duecourse.domain.clock import FixedClock
from duecourse.domain.receipt import Incoming
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.forward import Coming, ForwardRows, Place
from duecourse.simulator.forward.acts import Act, Deed, Touch
from duecourse.simulator.forward.crowd import Crowd
from duecourse.simulator.forward.doors import Doors, delivery
from duecourse.simulator.forward.edges import Hints, OpenFor, Overheard, taken_by
from duecourse.simulator.stepping import rounded_up
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.plan_contacts import PlanContacts
from duecourse.usecases.release_contacts import ReleaseContacts
from duecourse.usecases.sweep import Sweep

#: Planning looks 36 hours ahead, so once a day is often enough.
_DAY = timedelta(days=1)

_PUNCTUAL = frozenset({Deed.STOP, Deed.DIAL})

Watch = Callable[[datetime], None]


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One channel: its delivery, its provider, and what its messages said."""

    deliver: Deliver
    channel: FakeChannel
    texts: Overheard


@dataclass(kw_only=True)
class Month:
    """One run. Everything in it happens in one task, so the same seed gives the same month."""

    app: App
    clock: FixedClock
    cadence: Cadence
    plan: PlanContacts
    release: ReleaseContacts
    sweep: Sweep
    hints: Hints
    workers: Mapping[ChannelKind, Worker]
    crowd: Crowd
    doors: Doors
    dials: Sequence[Act] = ()
    """Calls that the lender's people mean to make."""
    touches: list[tuple[Touch, Place]] = field(default_factory=list)
    steps: int = 0
    _acts: list[Act] = field(default_factory=list)
    """A heap, like `_words`."""
    _words: list[Act] = field(default_factory=list)
    """STOPs and dials, at their minute: a confirmation is due at once, a call may be forbidden later."""

    async def run(self, start: datetime, end: datetime, watch: Watch = lambda _: None) -> None:
        """Everything due from `start` to before `end`, both business time."""
        self._expect(act for act in (*self.crowd.own_acts(), *self.dials) if start <= act.at < end)
        now, plan_at = start, start
        while now < end:
            self.clock.set(now)
            await self._live(now)
            if now >= plan_at:
                await self.sweep()
                await self.plan()
                plan_at += _DAY
            coming = await self._send(now)
            self.steps += 1
            watch(now)
            said_at = self._words[0].at if self._words else end
            now = min(rounded_up(coming) if coming else end, said_at, plan_at, end)
        self.clock.set(end)
        await self._live(end)

    async def _live(self, now: datetime) -> None:
        """What borrowers did until now. Nothing was sent meanwhile, so it may be done in one go."""
        due = [*_popped(self._acts, now), *_popped(self._words, now)]
        while due:
            self._expect(await self.doors.carry_out(due))
            due = [*_popped(self._acts, now), *_popped(self._words, now)]

    async def _send(self, now: datetime) -> datetime | None:
        """Until nothing more may leave at this instant: a refused message plans its rung's next channel at once.

        Returns when the next planned contact is due.
        """
        while True:
            async with self.app.ledger.statement() as conn:
                coming = await ForwardRows(conn).coming(now, self.workers)
            due = [one for one in coming if one.at <= now]
            if not due:
                return min((one.at for one in coming), default=None)
            await self._release(due, now)
            await self._deliver(self.hints.taken(), now)

    async def _release(self, due: Sequence[Coming], now: datetime) -> None:
        """Of the classes in which something is due: asking for the others takes longer than all the rest."""
        channels = {one.channel for one in due}
        providers = {kind: names for kind, names in self.release.providers.items() if kind in channels}
        limiter = OpenFor(frozenset(one.urgency for one in due))
        if not any((await replace(self.release, providers=providers, limiter=limiter)()).values()):
            raise RuntimeError(f"what is due at {now.isoformat()} is not released")

    async def _deliver(self, hinted: Mapping[ChannelKind, Sequence[int]], now: datetime) -> None:
        async with self.app.ledger.statement() as conn:
            places = await ForwardRows(conn).places([one for ids in hinted.values() for one in ids], now)
        for some in rounds(places):
            receipts: list[Incoming] = []
            for channel, ids in hinted.items():
                worker, mine = self.workers[channel], set(ids)
                for batch in batched([one for one in some if one in mine], worker.deliver.micro_batch):
                    await worker.deliver(batch)
                receipts += await self._arrive(worker, places)
            await self.doors.record(receipts)

    async def _arrive(self, worker: Worker, places: Mapping[int, Place]) -> list[Incoming]:
        """Let people read what reached them; what the provider will tell of it."""
        taken, receipts = taken_by(worker.channel), []
        for contact_id in sorted(taken, key=places.__getitem__):
            touch = await worker.texts.touch(contact_id)
            borrower = self.crowd.borrower_of(touch.loans)
            arrived = borrower is None or not self.crowd.unreachable(borrower, touch.channel)
            receipt = delivery(contact_id, taken[contact_id], touch.at, arrived=arrived)
            receipts.append(self.doors.incoming(touch.channel, receipt, touch.at))
            self.touches.append((touch, places[contact_id]))
            if arrived:
                self._expect(self.crowd.on_touch(touch))
        worker.texts.notes.clear()
        return receipts

    def _expect(self, acts: Iterable[Act]) -> None:
        for act in acts:
            heapq.heappush(self._words if act.deed in _PUNCTUAL else self._acts, act)


def _popped(heap: list[Act], until: datetime) -> Iterator[Act]:
    """What stands first on the heap, up to that time, in order."""
    while heap and heap[0].at <= until:
        yield heapq.heappop(heap)


def rounds(places: Mapping[int, Place]) -> list[list[int]]:
    """Contact ids in an order that no id decides, each borrower at most once per round.

    So what one contact changes for the borrower's next is known before that is decided, however batches fall.
    """
    turns: dict[int, int] = defaultdict(int)
    found: list[list[int]] = []
    for contact_id in sorted(places, key=places.__getitem__):
        turn = turns[places[contact_id].borrower_id]
        turns[places[contact_id].borrower_id] += 1
        if turn == len(found):
            found.append([])
        found[turn].append(contact_id)
    return found
