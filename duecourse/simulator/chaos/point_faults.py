"""Processes that die, sleep or fail right at a marked point of what they do."""

import asyncio
import signal
from functools import partial

from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.points import Fate
from duecourse.simulator.chaos.victims import hit
from duecourse.simulator.chaos.world import World

#: How long an order waits for somebody to come by.
_WAIT_S = 5.0
_POLL_S = 0.05
#: Points that nobody comes by without an order; see marks.py.
UNSEEN = (
    *(f"{kind}:send:{step}" for kind in ("sms", "push", "email") for step in ("between", "under-way")),
    # The one account that takes the same key again.
    "sms:recall:under-way",
)


async def _at_a_point(world: World, draw: Draw, *, fate: Fate) -> bool:
    """Somebody comes by one of the points that somebody came by before."""
    point = draw.pick(sorted({*world.orders.passed(), *UNSEEN}), "point")
    world.orders.give(point, fate)
    for _ in range(int(_WAIT_S / _POLL_S)):
        await asyncio.sleep(_POLL_S)
        if point not in world.orders.waiting():
            break
    if world.orders.withdraw(point):
        return False
    if fate is Fate.FREEZE:
        await asyncio.sleep(world.wishes.pace.lease_s + draw.between(1, 4, "longer"))
        wake(world, point)
    return True


def wake(world: World, point: str) -> None:
    """Let whoever sleeps at the point go on; it may have been killed meanwhile."""
    hit(world.orders.obedient(point), signal.SIGCONT)


POINT_FAULTS = (
    Fault(name="point-kill", weight=16, deed=partial(_at_a_point, fate=Fate.KILL)),
    Fault(name="point-freeze", weight=3, deed=partial(_at_a_point, fate=Fate.FREEZE)),
    Fault(name="point-fail", weight=8, deed=partial(_at_a_point, fate=Fate.FAIL)),
)
