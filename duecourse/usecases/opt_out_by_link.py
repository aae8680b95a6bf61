"""The borrower followed the link in one of our messages: that channel is over."""

from dataclasses import dataclass

from duecourse.domain.clock import Clock
from duecourse.ports import Ledger

_ACTOR = "web:unsubscribe"


@dataclass(frozen=True, kw_only=True)
class OptOutByLink:
    ledger: Ledger
    clock: Clock

    async def __call__(self, contact_id: int) -> bool:
        """Opt the contact's borrower out of its channel. False where there is no such contact. Safe to repeat.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            found = await tx.matches.contact(contact_id)
            if found is None:
                return False
            borrower_id, channel = found
            await tx.book.opt_outs.add(borrower_id, channel, source="link", times=times, actor=_ACTOR)
            await tx.contacts.suppress_channel(borrower_id, channel, times=times, actor=_ACTOR)
        return True
