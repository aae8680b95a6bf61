"""Show what was sent to whom. Who looked is on record before they see it."""

from dataclasses import dataclass
from datetime import date

from duecourse.domain.clock import Clock
from duecourse.domain.event import Event
from duecourse.domain.letter import Letter
from duecourse.ports import Ledger


@dataclass(frozen=True, kw_only=True)
class RevealContact:
    ledger: Ledger
    clock: Clock
    actor: str
    """Who looks, such as `cli:uid-1000`."""

    async def __call__(self, due_on: date, contact_id: int) -> dict[int, Letter]:
        """The letters by attempt number; none where nothing was ever tried, which is no revealing.

        Raises:
            SealBroken: the borrower's key is gone or does not fit.
        """
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            letters: dict[int, Letter] = await tx.stories.letters(due_on, contact_id)
            if letters:
                seen = Event(kind="contact.revealed", contact_id=contact_id, data={"attempts": sorted(letters)})
                await tx.events.append(times, self.actor, [seen])
        return letters
