"""Something happened that closes doors: a written cease, an attorney, a death, a disaster. Claims after it know."""

from collections.abc import Sequence

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.ports import Ledger
from duecourse.ports.evidence import NewStop, Recorded, StopRecord


async def record_stop(stop: NewStop, *, ledger: Ledger, clock: Clock, actor: str) -> Recorded:
    """Write it once. Which contacts it stops and for how long, the packs say.

    Raises:
        InputError: no such borrower or loan, no evidence, times that make no sense, or evidence that was recorded
            before with another content.
    """
    if not stop.evidence.strip():
        raise InputError("evidence: must not be empty")
    times = await clock.read()
    happened_at = stop.happened_at or times.business
    if happened_at > times.business:
        raise InputError("happened_at: lies ahead")
    if stop.ends_at is not None and stop.ends_at <= happened_at:
        raise InputError("ends_at: must be after it happened")
    async with ledger.transaction() as tx:
        recorded: Recorded = await tx.book.stops.record(stop, times=times, actor=actor)
    return recorded


async def lift_stop(stop_id: int, *, ledger: Ledger, clock: Clock, actor: str) -> bool:
    """It is over; False where it had been lifted before.

    Raises:
        InputError: no such stop.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        lifted: bool = await tx.book.stops.lift(stop_id, times=times, actor=actor)
    return lifted


async def list_stops(
    borrower: str | None, *, everything: bool, limit: int, ledger: Ledger, clock: Clock
) -> Sequence[StopRecord]:
    """Those in force, or `everything`; of one borrower (the lender's number) or of all."""
    times = await clock.read()
    async with ledger.transaction() as tx:
        found: Sequence[StopRecord] = await tx.book.stops.listed(
            borrower, now=times.business, everything=everything, limit=limit
        )
    return found
