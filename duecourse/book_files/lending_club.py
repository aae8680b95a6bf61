"""Lending Club's loans as published (OpenIntro's `loans_full_schema`): a real book without people.

Amounts, rates, terms, months and what was paid are real. Names, addresses, due days and consents are not published:
they are made from the row number (`lending_club_people`), always the same, and can reach nobody.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice

from duecourse.book_files import lending_club_people as people
from duecourse.book_files.fields import FieldError
from duecourse.book_files.lending_club_schedule import SNAPSHOT_ON, Due, LoanStatus, PublishedLoan, schedule
from duecourse.book_files.table import Row, Table
from duecourse.domain.book_record import Chunk, InstalmentRecord, LoanRecord, Record, RecordKind, Reject
from duecourse.domain.errors import InputError
from duecourse.domain.territories import MAJORITY_ZONES

COLUMNS = (
    "rownames", "state", "loan_amount", "term", "interest_rate", "issue_month", "loan_status",
    "paid_total", "paid_principal", "paid_interest", "paid_late_fees",
)  # fmt: skip
_CURRENCY = "USD"
_LOANS_AT_ONCE = 1_000
_LONGEST_TERM = 480


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """One row of the file."""

    row: int
    number: int
    state: str
    loan: PublishedLoan


def fits(columns: Sequence[str]) -> bool:
    return set(COLUMNS) <= set(columns)


def check_header(columns: Sequence[str]) -> None:
    """Refuse a file that is not Lending Club's.

    Raises:
        InputError: it names what is missing. Further columns are welcome and not read.
    """
    if missing := [name for name in COLUMNS if name not in columns]:
        raise InputError(f"header: missing {', '.join(missing)} for lending-club")


def chunks(table: Table, size: int) -> Iterator[Chunk]:
    """Each few loans as borrowers, loans and instalments, in the order in which they need each other."""
    rows = table.rows(COLUMNS)
    seen: Counter[str] = Counter()
    while batch := list(islice(rows, _LOANS_AT_ONCE)):
        published: list[Published] = []
        rejects: list[Reject] = []
        for row in batch:
            try:
                published.append(read(row))
            except FieldError as exc:
                rejects.append(Reject(row.number, exc.field, exc.reason))
        yield Chunk(kind=RecordKind.BORROWERS, records=[_borrower(each, seen) for each in published], rejects=rejects)
        yield Chunk(kind=RecordKind.LOANS, records=[_loan(each) for each in published], rejects=())
        instalments = (record for each in published for record in _instalments(each))
        while some := list(islice(instalments, size)):
            yield Chunk(kind=RecordKind.INSTALMENTS, records=some, rejects=())


def read(row: Row) -> Published:
    """The loan in a row.

    Raises:
        FieldError: the first thing wrong with it.
    """
    if row.cells is None:
        raise FieldError("row", row.problem)
    cells = dict(zip(COLUMNS, (cell.strip() for cell in row.cells), strict=True))
    if cells["state"] not in MAJORITY_ZONES:
        raise FieldError("state", "must be a two-letter state of the United States")
    return Published(
        row=row.number,
        number=_whole(cells, "rownames", most=10**9),
        state=cells["state"],
        loan=PublishedLoan(
            number=_whole(cells, "rownames", most=10**9),
            amount=_cents(cells, "loan_amount", least=1),
            yearly_percent=_decimal(cells, "interest_rate"),
            term=_whole(cells, "term", most=_LONGEST_TERM),
            issued_on=_month(cells["issue_month"]),
            status=_status(cells["loan_status"]),
            paid=_cents(cells, "paid_total"),
            paid_principal=_cents(cells, "paid_principal"),
            paid_interest=_cents(cells, "paid_interest"),
            late_fees=_cents(cells, "paid_late_fees"),
        ),
    )


def _borrower(published: Published, seen: Counter[str]) -> Record:
    turn = seen[published.state]
    seen[published.state] += 1
    return people.borrower(published.row, published.number, published.state, turn)


def _loan(published: Published) -> Record:
    loan = published.loan
    return LoanRecord(
        published.row,
        f"LC-{published.number}",
        people.external_id(published.number),
        _CURRENCY,
        loan.amount,
        loan.issued_on,
        "personal",
        people.pays_by_itself(published.number),
        loan.status.ours,
        loan.missed_before,
    )


def _instalments(published: Published) -> Iterator[Record]:
    for number, due in enumerate(schedule(published.loan), 1):
        yield _instalment(published, number, due)


def _instalment(published: Published, number: int, due: Due) -> Record:
    return InstalmentRecord(
        published.row,
        f"LC-{published.number}",
        number,
        due.due_on,
        _major(due.principal),
        _major(due.interest),
        None,
        _major(due.penalty) if due.penalty else None,
        _major(due.paid) if due.paid else None,
        min(due.due_on, SNAPSHOT_ON) if due.paid and due.paid == due.total else None,
    )


def _major(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _decimal(cells: dict[str, str], field: str) -> Decimal:
    try:
        value = Decimal(cells[field])
    except InvalidOperation as exc:
        raise FieldError(field, "must be a number") from exc
    if not value.is_finite() or not 0 <= value <= 10**9:
        raise FieldError(field, "must be a number of zero or more")
    return value


def _cents(cells: dict[str, str], field: str, *, least: int = 0) -> int:
    """The file was written through floats: half a cent and less is noise."""
    cents = round(_decimal(cells, field) * 100)
    if cents < least:
        raise FieldError(field, "must be above zero")
    return cents


def _whole(cells: dict[str, str], field: str, *, most: int) -> int:
    value = _decimal(cells, field)
    if value != int(value) or not 1 <= value <= most:
        raise FieldError(field, f"must be a whole number from 1 to {most}")
    return int(value)


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%b-%Y").date()  # noqa: DTZ007 - a month has no zone
    except ValueError as exc:
        raise FieldError("issue_month", "must be a month such as Jan-2018") from exc


def _status(text: str) -> LoanStatus:
    try:
        return LoanStatus(text)
    except ValueError as exc:
        raise FieldError("loan_status", f"must be one of {', '.join(LoanStatus)}") from exc
