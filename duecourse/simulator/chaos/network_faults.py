"""The network between the processes and their stores is cut, or carries questions and no answers."""

import asyncio
from functools import partial

from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.world import World

#: The longest silence of a run that has the time for it.
_SILENCE_S = 30.0
_PART = 0.2


def _longest(world: World) -> float:
    return min(_SILENCE_S, world.wishes.seconds * _PART)


async def _silent(world: World, draw: Draw, *, store: str) -> bool:
    """Nobody is told that the other side is gone, and what was said meanwhile arrives late."""
    longest = _longest(world)
    async with world.lines[store].silent():
        await asyncio.sleep(draw.between(longest / 3, longest, "silence"))
    return True


async def _deaf(world: World, draw: Draw, *, store: str) -> bool:
    """The store does what it was asked for, commits among it, and nobody hears of it."""
    line = world.lines[store]
    before = line.passed
    async with line.deaf():
        await asyncio.sleep(draw.between(0.2, 1.5, "deaf"))
    return line.passed > before


NETWORK_FAULTS = (
    Fault(name="redis-network-cut", weight=2, deed=partial(_silent, store="redis")),
    Fault(name="redis-answers-lost", weight=4, deed=partial(_deaf, store="redis")),
    Fault(name="postgres-network-cut", weight=2, deed=partial(_silent, store="postgres")),
    Fault(name="postgres-answers-lost", weight=5, deed=partial(_deaf, store="postgres")),
)
