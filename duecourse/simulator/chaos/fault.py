"""A fault, as data: what it is called, how often it comes, and how it is done."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from duecourse.simulator.chaos.world import World
from duecourse.simulator.sandbox.chance import Chance

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """The chance of one fault: the same seed and the same place in the run draw the same."""

    chance: Chance
    place: int

    def pick(self, items: Sequence[Item], about: str) -> Item:
        """One of them; there must be one."""
        return items[int(self.chance.draw(about, self.place) * len(items))]

    def between(self, low: float, high: float, about: str) -> float:
        return self.chance.between(low, high, about, self.place)

    def whole(self, below: int, about: str) -> int:
        return int(self.chance.draw(about, self.place) * below)


Deed = Callable[[World, Draw], Awaitable[bool]]
"""Do it and undo it. False where there was nothing to be hit: then it does not count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    name: str
    weight: int
    """How often it comes, against the others."""
    deed: Deed
