"""The borrower followed the link in one of our messages: that channel is over."""

from dataclasses import dataclass

from duecourse.domain.clock import Clock
from duecourse.domain.demand import NewDemand
from duecourse.policy.wishes import BY_LINK
from duecourse.ports import Ledger
from duecourse.usecases.silence import Stop, silence

_ACTOR = "web:unsubscribe"
_SOURCE = "link"


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
            await tx.contacts.lock_borrowers([borrower_id])
            if await tx.book.opt_outs.silences(borrower_id, channel) is None:
                demand = NewDemand(
                    borrower_id=borrower_id,
                    meaning=BY_LINK,
                    channel=channel,
                    source=_SOURCE,
                    said_at=times.business,
                    event_key=str(contact_id),
                )
                demand_id = await tx.demands.record(demand, times=times, actor=_ACTOR)
                stop = Stop(
                    borrower_id=borrower_id,
                    scope=BY_LINK.scope,
                    channel=channel,
                    index=None,
                    source=_SOURCE,
                    rule=BY_LINK.rule,
                    demand_id=demand_id,
                )
                await silence(tx, stop, times=times, actor=_ACTOR)
        return True
