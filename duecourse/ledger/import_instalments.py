"""Instalments: inserted or updated by loan and number, with what has been paid of them.

What recorded payments have met is never taken back by a file: that is what a reversal is for.
"""

from collections.abc import Sequence

from psycopg import sql

from duecourse.domain.allocation import complete_order
from duecourse.domain.book_record import InstalmentRecord
from duecourse.domain.money import EXPONENTS
from duecourse.ledger.cancelling import CancelReason, cancel_needless
from duecourse.ledger.paying import lock_loans
from duecourse.ledger.payments import PaymentRows
from duecourse.ledger.staging import Columns, Loading, refused, stage
from duecourse.ledger.statements import statement
from duecourse.usecases.import_book import Loaded

_INSTALMENTS: Columns = {
    "row": "int8", "loan_external_id": "text", "number": "int4", "due_on": "date", "principal": "text",
    "interest": "text", "fee": "text", "penalty": "text", "paid": "text", "met_on": "date",
}  # fmt: skip

_LOCK = """
SELECT borrower_id FROM borrowers
WHERE borrower_id IN (SELECT l.borrower_id FROM staged_instalments s JOIN loans l ON l.external_id = s.loan_external_id)
ORDER BY borrower_id FOR NO KEY UPDATE
"""
# One column is enough for the planner to know how many rows there are.
_ANALYZE = "ANALYZE incoming (instalment_id)"
_REFUSE = "DELETE FROM incoming WHERE problem IS NOT NULL RETURNING row, problem"
#: What may have made a contact needless: (borrower, due date) that are met now, and those that something moved from.
_MET = "SELECT borrower_id, due_on FROM incoming WHERE outstanding_before > 0 AND paid = due"
_MOVED = "SELECT borrower_id, due_before FROM incoming WHERE due_before <> due_on"
_WITH_CREDIT = """
SELECT DISTINCT l.external_id FROM incoming i JOIN loans l USING (loan_id) WHERE l.credit_minor > 0
"""


async def load_instalments(loading: Loading, records: Sequence[InstalmentRecord]) -> Loaded:
    """Insert or update instalments; None in a record keeps what is known."""
    conn = loading.conn
    await stage(conn, "staged_instalments", _INSTALMENTS, records)
    await conn.execute(_LOCK)
    await conn.execute(
        statement("incoming_instalments"),
        {"currencies": list(EXPONENTS), "exponents": list(EXPONENTS.values())},
    )
    await conn.execute(_ANALYZE)
    rejects = await refused(conn, _REFUSE)
    shares = _shares(loading)
    for step in ("update_instalments", "add_instalments"):
        query = sql.SQL(statement(step)).format(**shares)
        await conn.execute(query, {"today": loading.times.business.date()})
    return Loaded(rejects=rejects, cancelled=await _settle(loading))


async def _settle(loading: Loading) -> int:
    """Use up credit on what is open now, and cancel what lost its reason; the number of cancelled contacts."""
    conn, times, actor = loading.conn, loading.times, loading.actor
    cursor = await conn.execute(_WITH_CREDIT)
    if names := [name for (name,) in await cursor.fetchall()]:
        loans = await lock_loans(conn, names)
        await PaymentRows(conn).use_credit(loans.values(), order=loading.order, times=times, actor=actor)
    count = 0
    for query, reason in ((_MET, CancelReason.PAID), (_MOVED, CancelReason.MOVED)):
        cursor = await conn.execute(query)
        cancelled = await cancel_needless(conn, await cursor.fetchall(), reason=reason, times=times, actor=actor)
        count += sum(map(len, cancelled.values()))
    return count


def _shares(loading: Loading) -> dict[str, sql.Composable]:
    """For each component the SQL of what is paid of it: what payments met, and its share of the rest in order."""
    shares: dict[str, sql.Composable] = {}
    before: sql.Composable = sql.SQL("i.paid - i.met")
    for component in complete_order(loading.order):
        met, due = sql.Identifier("i", f"{component}_met"), sql.Identifier("i", f"{component}_due")
        room = sql.SQL("({} - {})").format(due, met)
        shares[f"{component}_paid"] = sql.SQL("{} + least({}, greatest(0, {}))").format(met, room, before)
        before = sql.SQL("{} - {}").format(before, room)
    return shares
