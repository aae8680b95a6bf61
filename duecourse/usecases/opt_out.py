"""A borrower wants one channel, or everything, to stop. Every contact claimed after this is kept back."""

from duecourse.domain.clock import Clock
from duecourse.domain.hold import OptOut
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import Ledger

_RULE = "agent"


async def opt_out(
    borrower: str, channel: ChannelKind | None, *, source: str, ledger: Ledger, clock: Clock, actor: str
) -> bool:
    """Stop `channel`, or everything where it is None; False where that was demanded before.

    Raises:
        InputError: no such borrower.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        rows = tx.book.opt_outs
        borrower_id = await rows.borrower_id(borrower)
        added: bool = await rows.add(borrower_id, channel, source=source, times=times, actor=actor)
        await tx.suppressions.silence_borrower(borrower_id, channel, rule=_RULE, times=times)
        await tx.contacts.suppress_channel(borrower_id, channel, times=times, actor=actor)
    return added


async def opt_in(borrower: str, channel: ChannelKind | None, *, ledger: Ledger, clock: Clock, actor: str) -> bool:
    """Take back exactly this demand, on the borrower's own word; False where there was none.

    What an earlier holder of their addresses demanded ends with it.

    Raises:
        InputError: no such borrower.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        rows = tx.book.opt_outs
        borrower_id = await rows.borrower_id(borrower)
        removed: bool = await rows.remove(borrower_id, channel, times=times, actor=actor)
        lifted: bool = await tx.suppressions.lift_of(borrower_id, channel, times=times, actor=actor)
    return removed or lifted


async def list_opt_outs(borrower: str | None, *, everything: bool, limit: int, ledger: Ledger) -> list[OptOut]:
    """Demands in force, or `everything`; of one borrower (the lender's number) or of all."""
    async with ledger.transaction() as tx:
        found: list[OptOut] = await tx.book.opt_outs.listed(borrower, everything=everything, limit=limit)
    return found
