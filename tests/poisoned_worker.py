"""A worker process that one contact's text kills: `python -m tests.poisoned_worker URL POISON ID...`."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

from channels.limits import FakeLimiter
from duecourse.domain.clock import FixedClock
from duecourse.domain.message import Rendered
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import open_ledger
from duecourse.ledger.owners import LivingOwner
from duecourse.ports import TextRequest
from duecourse.usecases.trial import Trial
from tests.conftest import INDEX_KEY, MASTER_KEYS
from tests.pipeline import MORNING, ListQueue, PlainTexts, World, fake


class PoisonedTexts(PlainTexts):
    def __init__(self, poison: int) -> None:
        self._poison = poison

    def render(self, request: TextRequest) -> Rendered:
        if request.contact_id == self._poison:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().render(request)


async def deliver(database_url: str, poison: int, contact_ids: Sequence[int]) -> None:
    owner = LivingOwner(database_url, "worker:sms")
    async with open_ledger(database_url, Vault(MASTER_KEYS, INDEX_KEY)) as ledger:
        world = World(
            ledger=ledger, clock=FixedClock(MORNING), queue=ListQueue(), limiter=FakeLimiter(), channel=fake()
        )
        worker = world.worker()
        arm = replace(worker.arm, owner=owner, texts=PoisonedTexts(poison))
        await replace(worker, arm=arm, trial=Trial(ledger=ledger, owner=owner))(contact_ids)
    await owner.aclose()


if __name__ == "__main__":
    url, deadly, *ids = sys.argv[1:]
    asyncio.run(deliver(url, int(deadly), [int(one) for one in ids]))
