"""When a worker goes alone, and when it stops: as its broker's own calls tell it."""

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.vocabulary import Urgency
from workers import standing_in
from workers.reach import Reach
from workers.runtime import Runtime
from workers.standing_in import StandIn


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reach(clock: Clock) -> Reach:
    return Reach(clock)


def test_a_broker_is_away_from_its_first_failure_to_its_next_answer(reach: Reach, clock: Clock) -> None:
    assert reach.away_s() == 0
    clock.now = 10.0
    reach.failed()
    clock.now = 12.0
    reach.failed()
    assert reach.away_s() == 2.0
    reach.answered()
    assert reach.away_s() == 0


class Watched:
    """A stand-in whose serving is counted; `go` lets it look once more."""

    def __init__(self, reach: Reach, answers: list[bool | Exception]) -> None:
        async def opener(stack: AsyncExitStack) -> None: ...

        self.answers, self.served, self.looked = answers, 0, 0
        self.runtime: Any = Runtime(opener)
        # The test lets time pass.
        setattr(self.runtime, "pause", self._pause)  # noqa: B010
        self.broker: Any = SimpleNamespace(reach=reach)
        self.go = asyncio.Event()
        self.idle = asyncio.Event()

    async def run(self) -> None:
        await StandIn(self.runtime, self._serve)._watch(self.broker, Urgency.URGENT)

    async def look(self) -> None:
        self.go.set()
        await self.idle.wait()

    async def _serve(self, urgency: Urgency) -> bool:
        assert urgency is Urgency.URGENT
        self.served += 1
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _pause(self, seconds: float) -> None:  # noqa: ARG002
        self.idle.set()
        await self.go.wait()
        self.go.clear()
        self.idle.clear()


@pytest.mark.parametrize(
    ("answers", "served"),
    [([], 1), ([True, True], 3), ([StoreUnavailable("Postgres is away")], 1)],
    ids=["nothing waits", "until nothing waits any more", "a store that is away is tried at the next look"],
)
async def test_a_worker_serves_itself_once_the_broker_is_away_for_long(
    reach: Reach, clock: Clock, answers: list[bool | Exception], served: int
) -> None:
    watched = Watched(reach, answers)
    task = asyncio.create_task(watched.run())
    await watched.idle.wait()
    reach.failed()
    clock.now = standing_in._PATIENCE_S
    watched.idle.clear()
    await watched.look()
    assert watched.served == 0

    clock.now += 0.1
    watched.idle.clear()
    await watched.look()
    assert watched.served == served

    reach.answered()
    watched.idle.clear()
    await watched.look()
    assert watched.served == served
    watched.runtime.stopping.set()
    watched.go.set()
    await task


async def test_it_ends_with_its_process_though_the_broker_is_away(reach: Reach, clock: Clock) -> None:
    watched = Watched(reach, [True] * 5)
    reach.failed()
    clock.now = 60.0
    watched.runtime.stopping.set()

    await watched.run()

    assert watched.served == 0
