"""Before a claim: note what is in hand, so that a contact that kills its worker is found by who was there each time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from duecourse.ports import Ledger, Owner


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A contact that comes alone has the process to itself, so that no other is blamed for what it does."""

    ledger: Ledger
    owner: Owner
    _lanes: set[int] = field(default_factory=set)
    _turns: asyncio.Condition = field(default_factory=asyncio.Condition)
    _alone: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def __call__(self, contact_ids: Sequence[int]) -> AsyncIterator[None]:
        """Claim these within the block.

        Raises:
            StoreUnavailable: it could not be noted; nothing may be claimed then.
        """
        lane = await self._enter(alone=len(contact_ids) == 1)
        try:
            owner = await self.owner.current()
            async with self.ledger.transaction() as tx, tx.together():
                await tx.trials.note(owner, lane, contact_ids)
            yield
        finally:
            await asyncio.shield(self._leave(lane))

    async def _enter(self, *, alone: bool) -> int:
        async with self._turns:
            await self._turns.wait_for(lambda: not self._alone.is_set() and not (alone and self._lanes))
            if alone:
                self._alone.set()
            lane = next(n for n in count() if n not in self._lanes)
            self._lanes.add(lane)
            return lane

    async def _leave(self, lane: int) -> None:
        async with self._turns:
            self._lanes.discard(lane)
            self._alone.clear()
            self._turns.notify_all()
