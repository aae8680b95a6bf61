"""A person says what a borrower meant whose words were not sure; until then their channel is silent."""

from duecourse.domain.clock import Clock, Times
from duecourse.domain.demand import Answer, Demand, Intent, OpenDemand
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.ports import Ledger, Transaction
from duecourse.usecases.heed_wishes import begin_again
from duecourse.usecases.silence import Stop, silence


async def answer_demand(demand_id: int, answer: Answer, *, ledger: Ledger, clock: Clock, actor: str) -> None:
    """Carry out what was meant, end the hold, and keep who decided it.

    Raises:
        InputError: no demand of this id waits for an answer.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        demand = await tx.demands.open(demand_id)
        if demand is None:
            raise InputError(f"demand {demand_id}: none of this id waits for an answer")
        if answer is Answer.MEANT:
            await _carry_out(tx, demand, times, actor)
        await tx.demands.answer(demand, answer, times=times, actor=actor)


async def _carry_out(tx: Transaction, demand: OpenDemand, times: Times, actor: str) -> None:
    if demand.intent is Intent.STOP:
        stop = Stop(
            borrower_id=demand.borrower_id,
            scope=demand.scope,
            channel=demand.channel,
            index=demand.address_index,
            source=demand.source,
            rule=demand.rule,
            demand_id=demand.demand_id,
        )
        await silence(tx, stop, times=times, actor=actor)
    elif demand.address_index is not None:
        where = (demand.channel, demand.address_index, demand.source)
        await begin_again(tx, demand.borrower_id, where, times=times, actor=actor)


async def list_demands(borrower: str | None, *, unanswered: bool = False, limit: int, ledger: Ledger) -> list[Demand]:
    """Demands with their proof, oldest first, without their words; of one borrower (the lender's number) or of all."""
    async with ledger.transaction() as tx:
        found: list[Demand] = await tx.demands.listed(borrower, unanswered=unanswered, limit=limit, reveal=False)
    return found


async def reveal_demands(borrower: str, *, limit: int, ledger: Ledger, clock: Clock, actor: str) -> list[Demand]:
    """The same of one borrower with their words. That somebody looked is recorded.

    Raises:
        InputError: no such borrower.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        borrower_id = await tx.book.opt_outs.borrower_id(borrower)
        found: list[Demand] = await tx.demands.listed(borrower, unanswered=False, limit=limit, reveal=True)
        looked = Event(kind="demand.revealed", borrower_id=borrower_id, data={"demands": len(found)})
        await tx.events.append(times, actor, [looked])
    return found
