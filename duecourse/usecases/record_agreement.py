"""A borrower agreed to something, or a court or the law allows it: on record with its proof, it lifts rules."""

from collections.abc import Sequence

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.ports import Ledger
from duecourse.ports.evidence import Agreement, NewAgreement, Recorded


async def record_agreement(agreement: NewAgreement, *, ledger: Ledger, clock: Clock, actor: str) -> Recorded:
    """Write it once. What it may lift, the packs say.

    Raises:
        InputError: no such borrower, no evidence, times that make no sense, or evidence that was recorded before with
            another content.
    """
    if not agreement.evidence.strip():
        raise InputError("evidence: must not be empty")
    times = await clock.read()
    given_at = agreement.given_at or times.business
    if given_at > times.business:
        raise InputError("given_at: lies ahead")
    if agreement.expires_at is not None and agreement.expires_at <= given_at:
        raise InputError("expires_at: must be after it was given")
    async with ledger.transaction() as tx:
        recorded: Recorded = await tx.book.agreements.record(agreement, times=times, actor=actor)
    return recorded


async def revoke_agreement(agreement_id: int, *, ledger: Ledger, clock: Clock, actor: str) -> bool:
    """It lifts nothing from now on; False where it had been revoked before.

    Raises:
        InputError: no such agreement.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        revoked: bool = await tx.book.agreements.revoke(agreement_id, times=times, actor=actor)
    return revoked


async def list_agreements(
    borrower: str | None, *, everything: bool, limit: int, ledger: Ledger, clock: Clock
) -> Sequence[Agreement]:
    """Those in force, or `everything`; of one borrower (the lender's number) or of all."""
    times = await clock.read()
    async with ledger.transaction() as tx:
        found: Sequence[Agreement] = await tx.book.agreements.listed(
            borrower, now=times.business, everything=everything, limit=limit
        )
    return found
