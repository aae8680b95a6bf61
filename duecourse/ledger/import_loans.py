"""Loans: inserted or updated by the lender's number; one that is closed takes its pending contacts with it."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from duecourse.domain.book_record import LoanRecord
from duecourse.ledger.cancelling import CancelReason, cancel_needless
from duecourse.ledger.staging import Columns, Loading, refused, stage
from duecourse.ledger.statements import statement
from duecourse.usecases.import_book import Loaded

_LOANS: Columns = {
    "row": "int8", "external_id": "text", "borrower_external_id": "text", "currency": "text",
    "principal_minor": "int8", "issued_on": "date", "product": "text", "autopay": "bool", "status": "text",
    "missed_before": "int4", "actor_role": "text", "notices": "jsonb",
}  # fmt: skip

_LOCK = """
SELECT borrower_id FROM borrowers WHERE external_id IN (SELECT borrower_external_id FROM staged_loans)
ORDER BY borrower_id FOR NO KEY UPDATE
"""
_REFUSE = """
DELETE FROM staged_loans s
USING (
    SELECT s.row, CASE
        WHEN b.borrower_id IS NULL THEN 'borrower_external_id: no such borrower'
        WHEN l.borrower_id <> b.borrower_id THEN 'borrower_external_id: the loan belongs to another borrower'
        WHEN l.currency <> s.currency THEN 'currency: a loan cannot change its currency'
        END AS problem
    FROM staged_loans s
    LEFT JOIN borrowers b ON b.external_id = s.borrower_external_id
    LEFT JOIN loans l ON l.external_id = s.external_id
) p
WHERE s.row = p.row AND p.problem IS NOT NULL
RETURNING s.row, p.problem
"""
_ENDED = """
SELECT DISTINCT i.borrower_id, i.due_on
FROM staged_loans s JOIN loans l USING (external_id) JOIN instalments i USING (loan_id)
WHERE l.status <> 'active' AND i.outstanding_minor > 0
"""


async def load_loans(loading: Loading, records: Sequence[LoanRecord]) -> Loaded:
    """Insert or update loans; None in a record keeps what is known."""
    conn = loading.conn
    await stage(conn, "staged_loans", _LOANS, map(_row, records))
    await conn.execute(_LOCK)
    rejects = await refused(conn, _REFUSE)
    await conn.execute(statement("update_loans"))
    await conn.execute(statement("add_loans"))
    cursor = await conn.execute(_ENDED)
    ended = await cursor.fetchall()
    cancelled = await cancel_needless(conn, ended, reason=CancelReason.CLOSED, times=loading.times, actor=loading.actor)
    return Loaded(rejects=rejects, cancelled=sum(map(len, cancelled.values())))


def _row(record: LoanRecord) -> tuple[Any, ...]:
    notices = {notice: at.isoformat() for notice, at in (record.notices or {}).items()}
    return (*record[:-1], Jsonb(notices))
