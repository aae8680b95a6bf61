"""The bundled loans become a book that agrees with what was published, to the cent."""

from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.book_files.comma_separated import CsvTable
from duecourse.book_files.lending_club import COLUMNS, Published, read
from duecourse.book_files.lending_club_schedule import (
    SNAPSHOT_ON,
    Due,
    LoanStatus,
    PublishedLoan,
    contradicts,
    schedule,
)
from duecourse.book_files.source import BookFile, FileFormat
from duecourse.book_files.table import Row
from duecourse.domain.annuity import instalment_amount
from duecourse.domain.book_record import RecordKind
from duecourse.domain.territories import MAJORITY_ZONES, WHOLE_STATES
from duecourse.domain.zones import find_zone

FILE = Path(__file__).parents[2] / "examples" / "lending_club_2018q1.csv.gz"
ROW = {
    "rownames": "1", "state": "NJ", "loan_amount": "28000", "term": "60", "interest_rate": "14.07",
    "issue_month": "Mar-2018", "loan_status": "Current", "paid_total": "1999.33", "paid_principal": "984.14",
    "paid_interest": "1015.19", "paid_late_fees": "0.0",
}  # fmt: skip


@cache
def published() -> tuple[list[Published], list[Decimal]]:
    import gzip

    with gzip.open(FILE) as stream:
        table = CsvTable(stream)  # type: ignore[arg-type]
        rows = list(table.rows([*COLUMNS, "installment"]))
    cells = [row.cells for row in rows if row.cells is not None]
    loans = [read(Row(n, row[:-1])) for n, row in enumerate(cells, 2)]
    return loans, [Decimal(row[-1]) for row in cells]


@cache
def schedules() -> list[tuple[PublishedLoan, list[Due]]]:
    return [(each.loan, schedule(each.loan)) for each in published()[0]]


@cache
def records() -> dict[RecordKind, list[Any]]:
    found: dict[RecordKind, list[Any]] = {kind: [] for kind in RecordKind}
    with BookFile(FILE) as book_file:
        assert book_file.format is FileFormat.LENDING_CLUB
        for chunk in book_file.chunks():
            assert not chunk.rejects
            found[chunk.kind] += chunk.records
    return found


def test_the_published_instalment_is_met_rounded_up_and_not_half_up() -> None:
    loans, instalments = published()
    up = half_up = 0
    for each, instalment in zip(loans, instalments, strict=True):
        loan = each.loan
        rate = loan.yearly_percent / 1200
        exact = loan.amount * rate / (1 - (1 + rate) ** -loan.term)
        up += instalment_amount(loan.amount, loan.yearly_percent, loan.term) == instalment * 100
        half_up += int(exact + Decimal("0.5")) == instalment * 100
    assert (len(loans), up, half_up) == (10_000, 9_997, 4_956)


def test_every_schedule_repays_the_loan_and_has_what_was_paid() -> None:
    for loan, dues in schedules():
        assert sum(due.principal for due in dues) == loan.amount
        assert sum(due.paid for due in dues) == loan.paid
        assert all(0 <= due.paid <= due.total for due in dues)
        assert len(dues) == loan.term


def test_what_is_paid_is_paid_oldest_first_and_due_once_a_month() -> None:
    for loan, dues in schedules()[::7]:
        left = [due.total - due.paid for due in dues]
        first_open = next((n for n, amount in enumerate(left) if amount), len(dues))
        assert not any(due.paid for due in dues[first_open + 1 :])
        months = [due.due_on.year * 12 + due.due_on.month for due in dues]
        assert months == list(range(months[0], months[0] + len(dues)))
        assert months[0] == loan.issued_on.year * 12 + loan.issued_on.month + 1
        assert len({due.due_on.day for due in dues}) == 1
        assert dues[0].due_on.day <= 28


def test_few_loans_contradict_their_status_on_the_day_of_the_snapshot() -> None:
    contradicting = Counter(loan.status for loan, dues in schedules() if contradicts(loan, dues))
    assert contradicting == {LoanStatus.CURRENT: 35, LoanStatus.IN_GRACE: 13, LoanStatus.LATE: 1}


def test_due_days_are_spread_over_the_month() -> None:
    days = Counter(dues[0].due_on.day for _, dues in schedules())
    assert set(days) == set(range(1, 29))
    assert max(days.values()) < 800


def test_a_fully_paid_loan_leaves_nothing_open_and_is_closed() -> None:
    paid = [(loan, dues) for loan, dues in schedules() if loan.status is LoanStatus.FULLY_PAID]
    assert len(paid) == 447
    assert all(due.paid == due.total for _, dues in paid for due in dues)
    assert {loan.status.ours for loan, _ in paid} == {"closed"}


AMOUNTS = st.integers(min_value=0, max_value=5_000_000)


@given(AMOUNTS, AMOUNTS, st.integers(0, 10_000), st.sampled_from(LoanStatus), st.integers(1, 10**6))
def test_whatever_is_published_no_cent_is_lost(
    paid_principal: int, paid_interest: int, late_fees: int, status: LoanStatus, number: int
) -> None:
    loan = PublishedLoan(
        number=number,
        amount=2_800_000,
        yearly_percent=Decimal("14.07"),
        term=60,
        issued_on=date(2018, 3, 1),
        status=status,
        paid=paid_principal + paid_interest + late_fees,
        paid_principal=paid_principal,
        paid_interest=paid_interest,
        late_fees=late_fees,
    )
    dues = schedule(loan)
    assert sum(due.principal for due in dues) == loan.amount
    assert all(due.paid >= 0 and due.interest >= 0 and due.paid <= due.total for due in dues)
    assert sum(due.paid for due in dues) == min(loan.paid, sum(due.total for due in dues))


def test_the_file_becomes_a_borrower_a_loan_and_a_whole_schedule_each() -> None:
    found = records()
    assert len(found[RecordKind.BORROWERS]) == len(found[RecordKind.LOANS]) == 10_000
    assert len(found[RecordKind.INSTALMENTS]) == 6_970 * 36 + 3_030 * 60
    keys = {(i.loan_external_id, i.number) for i in found[RecordKind.INSTALMENTS]}
    assert len(keys) == len(found[RecordKind.INSTALMENTS])
    assert all(i.met_on is None or i.met_on <= SNAPSHOT_ON for i in found[RecordKind.INSTALMENTS])


def test_addresses_are_valid_unique_and_reach_nobody() -> None:
    points = [point for each in records()[RecordKind.BORROWERS] for point in each.points]
    phones = [p.address for p in points if p.channel == "sms"]
    assert len(phones) == len(set(phones)) > 9_000
    assert all(phone[5:10] == "55501" and len(phone) == 12 for phone in phones)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones[::10])
    assert all(p.address.endswith("@example.com") for p in points if p.channel == "email")
    assert all(p.address.startswith("sandbox-token-") for p in points if p.channel == "push")


def test_every_branch_of_the_gate_has_its_borrowers() -> None:
    borrowers = records()[RecordKind.BORROWERS]
    consents = Counter((p.channel, p.consent) for b in borrowers for p in b.points)
    assert len(consents) == 9
    assert min(consents.values()) > 100
    assert Counter(b.locale for b in borrowers) == {"en": 9_000, "zh-CN": 1_000}
    assert Counter(b.time_zone is None for b in borrowers)[True] == 200
    assert Counter(len(b.points) for b in borrowers).keys() == {1, 2, 3}
    assert Counter(loan.autopay for loan in records()[RecordKind.LOANS])[True] == 1_250


def test_the_states_are_those_of_the_union_and_their_zones_exist() -> None:
    assert len(MAJORITY_ZONES) == 51
    assert set(WHOLE_STATES) < set(MAJORITY_ZONES)
    assert all(find_zone(zone) for zone in MAJORITY_ZONES.values())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"state": "ZZ"}, "state"),
        ({"loan_amount": "0"}, "loan_amount"),
        ({"loan_amount": "-1"}, "loan_amount"),
        ({"term": "0"}, "term"),
        ({"term": "36.5"}, "term"),
        ({"interest_rate": "NaN"}, "interest_rate"),
        ({"issue_month": "Foo-2018"}, "issue_month"),
        ({"loan_status": "Gone"}, "loan_status"),
        ({"paid_total": ""}, "paid_total"),
        ({"rownames": "x"}, "rownames"),
    ],
)
def test_a_row_that_makes_no_sense_is_rejected_and_the_rest_loads(
    tmp_path: Path, change: dict[str, str], field: str
) -> None:
    path = tmp_path / "loans.csv"
    rows = [ROW | change, ROW | {"rownames": "2"}]
    path.write_text("\n".join([",".join(ROW), *(",".join(row.values()) for row in rows)]) + "\n", encoding="utf-8")
    with BookFile(path) as book_file:
        chunks = list(book_file.chunks())
    assert [(r.row, r.field) for chunk in chunks for r in chunk.rejects] == [(2, field)]
    assert [len(chunk.records) for chunk in chunks] == [1, 1, 60]
