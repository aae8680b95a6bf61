"""Contacts that lost their reason: cancelled in the transaction that paid, moved or closed what they were about."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.ledger.statements import statement

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection


class CancelReason(StrEnum):
    PAID = "paid"
    MOVED = "moved"
    """The lender moved the due date."""
    CLOSED = "closed"
    """The loan is closed or charged off."""


async def cancel_needless(
    conn: "Connection", due: Iterable[tuple[int, date]], *, reason: CancelReason, times: Times, actor: str
) -> dict[int, list[int]]:
    """Cancel pending contacts of those (borrower id, due date) that have nothing left to pay. The borrowers are locked.

    Returns:
        The cancelled contacts' ids by borrower.
    """
    pairs = sorted(set(due))
    if not pairs:
        return {}
    dates = [day for _, day in pairs]
    cursor = await conn.execute(
        statement("cancel_needless"),
        {
            "borrowers": [borrower for borrower, _ in pairs],
            "dates": dates,
            "first": min(dates),
            "last": max(dates),
            "now": times.business,
            "lease": times.lease,
            "actor": actor,
            "reason": reason.value,
        },
    )
    cancelled: dict[int, list[int]] = {}
    for contact_id, borrower_id in await cursor.fetchall():
        cancelled.setdefault(borrower_id, []).append(contact_id)
    return cancelled
