"""Point by point: at every marked point of every kind of process one dies, and then one sleeps beyond its lease.

The points are not written down anywhere: they are what the processes come by. Meanwhile borrowers become due, a few
every few seconds, so that what is broken names those seconds, and with it a few points.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.chaos import ChaosRows, Debtor
from duecourse.ledger.clock import step_virtual_clock
from duecourse.simulator.chaos.books import gather
from duecourse.simulator.chaos.calming import UnrestError, settle
from duecourse.simulator.chaos.ending import end
from duecourse.simulator.chaos.invariants import Evidence, breaches
from duecourse.simulator.chaos.leaks import leaks_in_redis
from duecourse.simulator.chaos.people import debtors
from duecourse.simulator.chaos.point_faults import UNSEEN, wake
from duecourse.simulator.chaos.points import Fate
from duecourse.simulator.chaos.provider_faults import CALM
from duecourse.simulator.chaos.wishes import SHARES, START, ChaosWishes, Pace
from duecourse.simulator.chaos.world import Note, World, build_world
from duecourse.simulator.deployment import while_alive

_PACE = Pace(deadline_s=1.0, http_total_s=1.5, lease_s=4.0, settle_s=2.0)
_PEOPLE = 20
_EVERY_S = 2.5
#: How many handfuls of borrowers are written to before anybody dies, to see what is come by.
_UNHURT = 4
#: Slow enough to die while a call is under way, and bad enough that every round has something to be resolved.
_WEATHER = {
    "latency_s": 0.25,
    "faults": CALM["faults"] | {"disconnect_after": 0.08, "e500_before": 0.08, "e503": 0.04, "e429": 0.02},
}
_STEP = timedelta(minutes=1)
#: How long an order waits, where all are tried and where some are wished for.
_TAKEN_S, _WISHED_S = 10.0, 45.0
_POLL_S = 0.1
#: How often a point is tried that nobody comes by.
_TRIES = 3
#: How many handfuls later an order may still have hit those of one.
_BLAMED = 4
KINDS = ("sms", "push", "email", "scheduler", "inbox", "web")
#: Where failing is something else than dying: whoever waits for an answer gets an error.
_FAILING = ("committed", "render", "permitted", "answered", "give_back")
#: And wherever an outcome is recorded: whoever holds a lease must end it, whatever befalls them.
_RECORDING = ":settle:"

Order = tuple[str, Fate]
"""At which point, as a pattern of the shell, and what happens there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixWishes:
    seed: int
    folder: Path
    orders: Sequence[Order] | None = None
    """What to do, at the first point that fits each pattern; None: everything that can be, everywhere."""


@dataclass(kw_only=True)
class _Matrix:
    world: World
    note: Note
    wanted: Sequence[Order] | None
    people: list[tuple[Debtor, ...]] = field(default_factory=list)
    """By handful."""
    obeyed: dict[Order, int] = field(default_factory=dict)
    """Order to the number of the handful that had just become due."""
    tried: Counter[Order] = field(default_factory=Counter)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Each kind of process gets one order after the other, until none is left for it."""
        feeding = asyncio.create_task(self._feed())
        try:
            await self.ready.wait()
            async with asyncio.TaskGroup() as group:
                for kind in KINDS:
                    group.create_task(self._lane(kind))
        finally:
            await end(feeding)

    def open(self, kind: str) -> list[Order]:
        """Points that came up meanwhile are among them."""
        known = every_order(self._points()) if self.wanted is None else self.wanted
        mine = (order for order in known if order[0].startswith(f"{kind}:"))
        return [order for order in mine if order not in self.obeyed and self.tried[order] < _TRIES]

    def _points(self) -> list[str]:
        return sorted({*self.world.orders.passed(), *UNSEEN})

    async def _lane(self, kind: str) -> None:
        while orders := self.open(kind):
            # Those that nobody came by wait until all others had their turn.
            order = min(orders, key=lambda order: self.tried[order])
            self.tried[order] += 1
            await self._carry_out(order)

    async def _carry_out(self, order: Order) -> None:
        pattern, fate = order
        point = next((point for point in self._points() if fnmatchcase(point, pattern)), pattern)
        self.world.orders.give(point, fate)
        if not await self._is_obeyed(point):
            return
        self.obeyed[order] = len(self.people)
        self.note(f"{fate} at {point}")
        if fate is Fate.FREEZE:
            await asyncio.sleep(self.world.wishes.pace.lease_s * 1.25)
            wake(self.world, point)

    async def _is_obeyed(self, point: str) -> bool:
        until = time.monotonic() + (_TAKEN_S if self.wanted is None else _WISHED_S)
        while time.monotonic() < until:
            await asyncio.sleep(_POLL_S)
            if point not in self.world.orders.waiting():
                return True
        return not self.world.orders.withdraw(point)

    async def _feed(self) -> None:
        """A handful of others every few seconds, at a time at which whoever was put off before is due, too."""
        world = self.world
        while True:
            some = tuple(debtors(world.wishes, first=(len(self.people) + 1) * _PEOPLE))
            async with world.app.ledger.transaction() as tx:
                await ChaosRows(tx.conn, tx.vault).seed(some, now=START)
                await step_virtual_clock(tx.conn, START + len(self.people) * _STEP)
            self.people.append(some)
            await world.app.bell.hint_book()
            await asyncio.sleep(_EVERY_S)
            if len(self.people) == _UNHURT:
                self.ready.set()


def every_order(points: Sequence[str]) -> list[Order]:
    """First everything dies, then everything sleeps, then everything fails."""
    failing = [point for point in points if point.endswith(_FAILING) or _RECORDING in point]
    return [
        *((point, Fate.KILL) for point in points),
        *((point, Fate.FREEZE) for point in points),
        *((point, Fate.FAIL) for point in failing),
    ]


async def run_matrix(wishes: MatrixWishes, note: Note) -> dict[str, Any]:
    """Run it; returns the report.

    Raises:
        DuecourseError: the world does not come up.
    """
    day = ChaosWishes(seed=wishes.seed, seconds=60, contacts=_PEOPLE, folder=wishes.folder, pace=_PACE)
    async with build_world(day, note) as world:
        for kind in ChannelKind:
            if kind in SHARES:
                await world.sandbox.change_account(kind.value, {**CALM, **_WEATHER})
        matrix = _Matrix(world=world, note=note, wanted=wishes.orders)
        unrest = None
        try:
            await while_alive(world.supervisor, matrix.run())
            await while_alive(world.supervisor, settle(world, note))
        except UnrestError as exc:
            unrest = str(exc)
        everybody = [*world.debtors, *(who for some in matrix.people for who in some)]
        leaks = await leaks_in_redis(world.app.redis)
        return _report(matrix, await gather(world, everybody, paid={}, in_redis=leaks), unrest)


def _report(matrix: _Matrix, evidence: Evidence, unrest: str | None) -> dict[str, Any]:
    found = breaches(evidence)
    return {
        "contacts": len(evidence.contacts),
        "accepted": len(evidence.accepted),
        "attempts": len(evidence.attempts),
        "points": dict(sorted(Counter(fate.value for _, fate in matrix.obeyed).items())),
        "obeyed": sorted(f"{fate} {point}" for point, fate in matrix.obeyed),
        "never_come_by": sorted(f"{fate} {point}" for point, fate in matrix.tried.keys() - matrix.obeyed),
        "states": dict(sorted(Counter(c.state for c in evidence.contacts).items())),
        "invariants": {name: len(broken) for name, broken in found.items()},
        "broken_by": {name: broken for name, broken in found.items() if broken},
        "broken_at": _blame(matrix, evidence, found),
        "unrest": unrest,
        "breached": bool(unrest) or any(found.values()),
    }


def _blame(matrix: _Matrix, evidence: Evidence, found: Mapping[str, Sequence[object]]) -> list[str]:
    """The orders that were obeyed while those were due whom a breach is about, or shortly after."""
    handfuls = {who.borrower: number for number, some in enumerate(matrix.people) for who in some}
    borrowers = {str(c.contact_id): c.borrower for c in evidence.contacts}
    named = {str(item).partition("-")[0] for broken in found.values() for item in broken}
    numbers = {handfuls[borrowers[name]] for name in named & borrowers.keys() if borrowers[name] in handfuls}
    return [
        f"{fate} at {point}"
        for (point, fate), since in matrix.obeyed.items()
        if any(0 < since - number <= _BLAMED for number in numbers)
    ]
