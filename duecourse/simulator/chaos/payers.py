"""Borrowers who pay while their message may be on its way."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from duecourse.domain.book import Payment
from duecourse.domain.clock import host_now
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.money import Money
from duecourse.ledger.chaos import Debtor
from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.wishes import START
from duecourse.simulator.chaos.world import World
from duecourse.usecases.record_payment import record_payment

_AT_ONCE = 10


@dataclass(kw_only=True)
class Payers:
    """`paid`: the borrower and a real instant after the commit of the payment that left nothing to pay."""

    paid: dict[str, datetime] = field(default_factory=dict)

    @property
    def fault(self) -> Fault:
        return Fault(name="payments-race-sends", weight=10, deed=self._pay_some)

    async def _pay_some(self, world: World, draw: Draw) -> bool:
        first = draw.whole(len(world.debtors), "first")
        some = [world.debtors[(first + step * 97) % len(world.debtors)] for step in range(_AT_ONCE)]
        done = await asyncio.gather(*(self._pay(world, who) for who in some if who.borrower not in self.paid))
        return any(done)

    async def _pay(self, world: World, who: Debtor) -> bool:
        """Recorded by the use case that everybody uses; where its end was not seen, it does not count as paid."""
        payment = Payment(
            external_id=f"{who.borrower}-P",
            loan_external_id=who.loan,
            amount=Money(minor=who.minor, currency="USD"),
            paid_at=START,
        )
        app = world.app
        try:
            await record_payment(
                payment, ledger=app.ledger, clock=app.clock, order=app.settings.allocation_order, actor="chaos"
            )
        except StoreUnavailable:
            return False
        self.paid[who.borrower] = host_now()
        return True
