"""The storm: faults drawn by a seed, one after the other and over each other, while the clock of the day goes on."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from duecourse.domain.clock import host_now
from duecourse.domain.errors import DuecourseError, StoreUnavailable
from duecourse.ledger.clock import step_virtual_clock
from duecourse.simulator.chaos.ending import end
from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.host_faults import HOST_FAULTS
from duecourse.simulator.chaos.network_faults import NETWORK_FAULTS
from duecourse.simulator.chaos.point_faults import POINT_FAULTS
from duecourse.simulator.chaos.process_faults import PROCESS_FAULTS
from duecourse.simulator.chaos.provider_faults import PROVIDER_FAULTS
from duecourse.simulator.chaos.queue_faults import QUEUE_FAULTS
from duecourse.simulator.chaos.store_faults import STORE_FAULTS
from duecourse.simulator.chaos.wishes import START
from duecourse.simulator.chaos.world import Note, World
from duecourse.simulator.sandbox.chance import Chance

_TICK_S = 1.0
FAULTS = (
    *PROCESS_FAULTS,
    *POINT_FAULTS,
    *HOST_FAULTS,
    *STORE_FAULTS,
    *NETWORK_FAULTS,
    *PROVIDER_FAULTS,
    *QUEUE_FAULTS,
)


def order_of(faults: Sequence[Fault], chance: Chance, count: int) -> list[Fault]:
    """Which fault comes when: each kind once, in a drawn order, and then by weight."""
    first = sorted(faults, key=lambda fault: chance.draw("first", fault.name))
    deck = [fault for fault in faults for _ in range(fault.weight)]
    rest = [deck[int(chance.draw("next", place) * len(deck))] for place in range(max(0, count - len(first)))]
    return [*first, *rest]


@dataclass(kw_only=True)
class Storm:
    world: World
    note: Note
    faults: Sequence[Fault]
    done: Counter[str] = field(default_factory=Counter)
    """How often each kind hit something."""

    async def rage(self) -> None:
        """Inject everything, and return when the last fault is over.

        Raises:
            DuecourseError: a store did not come up again.
        """
        wishes = self.world.wishes
        chance = Chance(wishes.seed)
        order = order_of(self.faults, chance, wishes.faults)
        pause_s = wishes.seconds / len(order)
        clock = asyncio.create_task(self._run_clock())
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for place, fault in enumerate(order):
                    await asyncio.sleep(max(0.0, began + place * pause_s - time.monotonic()))
                    group.create_task(self._inject(fault, Draw(chance=chance, place=place)))
        except ExceptionGroup as errors:
            known = errors.subgroup(DuecourseError)
            raise known.exceptions[0] if known else errors from errors
        finally:
            await end(clock)

    async def _inject(self, fault: Fault, draw: Draw) -> None:
        at = host_now().isoformat()
        hit = await fault.deed(self.world, draw)
        self.done[fault.name] += hit
        line = {"place": draw.place, "at": at, "until": host_now().isoformat(), "kind": fault.name, "hit": hit}
        with (self.world.wishes.folder / "faults.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if hit:
            self.note(f"{at[11:19]} {fault.name}")

    async def _run_clock(self) -> None:
        """Business time goes on at the wished speed, whatever is down meanwhile."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            passed = (time.monotonic() - began) * self.world.wishes.speed
            with suppress(StoreUnavailable):
                async with self.world.app.ledger.transaction() as tx:
                    await step_virtual_clock(tx.conn, START + timedelta(seconds=passed))
