"""Somebody else touched a borrower: a person, an agency, another system. It counts against the same caps as ours."""

from collections.abc import Collection, Sequence

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.ports import Ledger
from duecourse.ports.evidence import Encounter, EncounterState, NewEncounter, Recorded


async def record_encounter(encounter: NewEncounter, *, ledger: Ledger, clock: Clock, actor: str) -> Recorded:
    """Write what happened; with the reference of a reservation, what became of it. The same again changes nothing.

    Raises:
        InputError: no such borrower or loan, no reference, a time that lies ahead, an address that can be none, or a
            reference that was used before for something else.
    """
    if not encounter.reference.strip():
        raise InputError("reference: must not be empty")
    times = await clock.read()
    if encounter.at is not None and encounter.at > times.business:
        raise InputError("at: lies ahead")
    async with ledger.transaction() as tx:
        recorded: Recorded = await tx.book.encounters.record(encounter, times=times, actor=actor)
    return recorded


async def release_encounter(reference: str, *, ledger: Ledger, clock: Clock, actor: str) -> bool:
    """A reserved call or visit did not happen; False where that was said before.

    Raises:
        InputError: no such reservation, or it did happen.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        released: bool = await tx.book.encounters.release(reference, times=times, actor=actor)
    return released


async def list_encounters(
    borrower: str | None, *, states: Collection[EncounterState] = (), limit: int, ledger: Ledger
) -> Sequence[Encounter]:
    """The last recorded first; of one borrower (the lender's number) or of all, in these states or, without, in any."""
    async with ledger.transaction() as tx:
        found: Sequence[Encounter] = await tx.book.encounters.listed(borrower, states=states, limit=limit)
    return found
