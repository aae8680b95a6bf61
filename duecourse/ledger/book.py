"""The book's rows inside one transaction: payments, holds, opt-outs, evidence, keys, and who is behind an address."""

from functools import cached_property
from typing import TYPE_CHECKING

from duecourse.domain.address import index_form
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.agreements import AgreementRows
from duecourse.ledger.crypto import Vault
from duecourse.ledger.encounters import EncounterRows
from duecourse.ledger.holds import HoldRows
from duecourse.ledger.keys import KeyRows
from duecourse.ledger.opt_outs import OptOutRows
from duecourse.ledger.payments import PaymentRows
from duecourse.ledger.questions import QuestionRows
from duecourse.ledger.stops import StopRows

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_AT_ADDRESS = """
SELECT borrower_id FROM contact_points WHERE address_index = %s AND channel = %s ORDER BY borrower_id
"""


class BookRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    @cached_property
    def payments(self) -> PaymentRows:
        return PaymentRows(self._conn)

    @cached_property
    def holds(self) -> HoldRows:
        return HoldRows(self._conn)

    @cached_property
    def opt_outs(self) -> OptOutRows:
        return OptOutRows(self._conn)

    @cached_property
    def encounters(self) -> EncounterRows:
        return EncounterRows(self._conn, self._vault)

    @cached_property
    def agreements(self) -> AgreementRows:
        return AgreementRows(self._conn)

    @cached_property
    def stops(self) -> StopRows:
        return StopRows(self._conn)

    @cached_property
    def questions(self) -> QuestionRows:
        return QuestionRows(self._conn, self._vault)

    @cached_property
    def keys(self) -> KeyRows:
        return KeyRows(self._conn, self._vault)

    async def borrowers_at(self, channel: ChannelKind, address: str) -> list[int]:
        """Ids of the borrowers with this address (in its stored form, see `domain.address`) on this channel."""
        index = self._vault.index(channel.value, index_form(address))
        cursor = await self._conn.execute(_AT_ADDRESS, (index, channel.value))
        return [borrower_id for (borrower_id,) in await cursor.fetchall()]
