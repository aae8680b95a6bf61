"""Months: contacts, attempts and events need their partition before their first row."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: A lender plans weeks ahead and hears of things weeks late.
_BEHIND = timedelta(days=31)
_AHEAD = timedelta(days=62)


async def ensure_months(conn: "Connection", first: date, last: date) -> None:
    """Make the partitions of every month from that of `first` to that of `last`; those that exist are kept."""
    await conn.execute("SELECT ensure_months(%s, %s)", (first, last))


async def ensure_months_around(conn: "Connection", day: date) -> None:
    """The month of `day`, the one before and the two after."""
    await ensure_months(conn, day - _BEHIND, day + _AHEAD)
