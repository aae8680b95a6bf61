"""A borrower is to be left in peace for a time: the gate keeps every contact back while a hold is in force."""

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.domain.hold import Hold, NewHold
from duecourse.ports import Ledger


async def place_hold(hold: NewHold, *, ledger: Ledger, clock: Clock) -> int:
    """Place a hold and return its id.

    Raises:
        InputError: no such borrower or loan, no reason, or an end that is not after the start.
    """
    if not hold.reason.strip():
        raise InputError("reason: must not be empty")
    times = await clock.read()
    if hold.ends_at is not None and hold.ends_at <= (hold.starts_at or times.business):
        raise InputError("ends_at: must be after the start")
    async with ledger.transaction() as tx:
        hold_id: int = await tx.book.holds.place(hold, times=times)
    return hold_id


async def release_hold(hold_id: int, *, ledger: Ledger, clock: Clock, actor: str) -> bool:
    """End a hold now; False where it had been released before.

    Raises:
        InputError: no such hold.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        released: bool = await tx.book.holds.release(hold_id, times=times, actor=actor)
    return released


async def list_holds(borrower: str | None, *, everything: bool, limit: int, ledger: Ledger, clock: Clock) -> list[Hold]:
    """Holds in force or to come, or `everything`; of one borrower (the lender's number) or of all."""
    times = await clock.read()
    async with ledger.transaction() as tx:
        holds: list[Hold] = await tx.book.holds.listed(borrower, now=times.business, everything=everything, limit=limit)
    return holds
