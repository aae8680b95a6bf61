"""The book's rows inside one transaction: payments, holds, opt-outs, evidence, keys."""

from functools import cached_property
from typing import TYPE_CHECKING

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
