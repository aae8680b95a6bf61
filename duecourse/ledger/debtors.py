"""Finding and locking a borrower by the lender's own number, before anything of theirs is changed."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from duecourse.domain.address import index_form, parse_address
from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind
from duecourse.domain.zones import find_zone
from duecourse.ledger.crypto import Vault
from duecourse.policy.packs.vocabulary import Medium

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_LOCK = """
SELECT borrower_id, country, time_zone FROM borrowers WHERE external_id = %s FOR NO KEY UPDATE
"""
_LOAN = "SELECT loan_id FROM loans WHERE external_id = %s AND borrower_id = %s"

#: Numbers are indexed by the channel that a worker of ours would use for them.
_CHANNEL_OF = {
    Medium.SMS: ChannelKind.SMS,
    Medium.PUSH: ChannelKind.PUSH,
    Medium.EMAIL: ChannelKind.EMAIL,
    Medium.IM: ChannelKind.IM,
    Medium.IVR: ChannelKind.VOICE,
    Medium.CALL: ChannelKind.VOICE,
    Medium.VOICEMAIL: ChannelKind.VOICE,
}


class Debtor(NamedTuple):
    borrower_id: int
    country: str
    time_zone: str | None

    def local_day(self, moment: datetime) -> date:
        """The day it is where the borrower is; in UTC where that is unknown."""
        return moment.astimezone(find_zone(self.time_zone) or UTC).date()


async def lock_debtor(conn: "Connection", borrower: str) -> Debtor:
    """The borrower with that number, locked until the transaction ends.

    Raises:
        InputError: no such borrower.
    """
    row = await (await conn.execute(_LOCK, (borrower,))).fetchone()
    if row is None:
        raise InputError("borrower: no such borrower")
    return Debtor(*row)


async def find_loan(conn: "Connection", loan: str | None, borrower_id: int) -> int | None:
    """The loan with that number; None for None.

    Raises:
        InputError: no such loan of this borrower.
    """
    if loan is None:
        return None
    row = await (await conn.execute(_LOAN, (loan, borrower_id))).fetchone()
    if row is None:
        raise InputError("loan: no such loan of this borrower")
    return int(row[0])


def index_of(vault: Vault, medium: Medium, address: str | None, debtor: Debtor) -> bytes | None:
    """The blind index of a number or mailbox; None for None.

    Raises:
        InputError: it can be no such address, or this way of reaching somebody has none.
    """
    if address is None:
        return None
    channel = _CHANNEL_OF.get(medium)
    if channel is None:
        raise InputError(f"address: a {medium} has none")
    try:
        return vault.index(channel.value, index_form(parse_address(channel, address, debtor.country)))
    except InputError as exc:
        raise InputError(f"address: {exc}") from exc
