"""Files are read as what they are, row by row; what is wrong is named by row, field and reason, never by value."""

import gzip
import io
import json
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecourse.book_files import fields, source, table
from duecourse.book_files.source import BookFile, FileFormat
from duecourse.book_files.table import LONGEST_LINE, lines
from duecourse.domain.book_record import RecordKind, Reject
from duecourse.domain.errors import InputError

LOAN = {
    "external_id": "L1",
    "borrower_external_id": "B1",
    "currency": "USD",
    "principal": "1200.50",
    "issued_on": "2018-01-15",
}
BORROWER = {"external_id": "B1", "name": "Ada Lovelace", "locale": "en", "country": "US"}
INSTALMENT = {"loan_external_id": "L1", "number": "1", "due_on": "2018-07-01", "principal": "100", "interest": "2.5"}
PAYMENT = {
    "external_id": "P1",
    "loan_external_id": "L1",
    "amount": "10.00",
    "currency": "USD",
    "paid_at": "2018-07-01T09:00:00Z",
}


def csv_text(*rows: dict[str, str]) -> str:
    columns = list(rows[0])
    return "\n".join([",".join(columns), *(",".join(row[c] for c in columns) for row in rows)]) + "\n"


def read(path: Path, **options: Any) -> tuple[list[Any], list[Reject]]:
    with BookFile(path, **options) as book_file:
        chunks = list(book_file.chunks())
    return [r for c in chunks for r in c.records], [r for c in chunks for r in c.rejects]


def refusals(tmp_path: Path, row: dict[str, str]) -> list[tuple[str, str]]:
    path = tmp_path / "rows.csv"
    path.write_text(csv_text(row), encoding="utf-8")
    _, rejects = read(path)
    return [(reject.field, reject.reason) for reject in rejects]


def test_each_format_gives_the_same_records(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeff" + csv_text(LOAN), encoding="utf-8")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(csv_text(LOAN).encode()))
    (tmp_path / "a.jsonl").write_text("\n" + json.dumps(LOAN) + "\n\n", encoding="utf-8")
    (tmp_path / "n.jsonl").write_text(json.dumps(LOAN).replace('"1200.50"', "1200.50"), encoding="utf-8")
    pq.write_table(pa.table({name: [value] for name, value in LOAN.items()}), tmp_path / "a.parquet")
    names = ("a.csv", "a.csv.gz", "a.jsonl", "n.jsonl", "a.parquet")
    results = [read(tmp_path / name) for name in names]
    records = [[record._replace(row=0) for record in found] for found, _ in results]
    assert records == [records[0]] * len(names)
    assert records[0][0].principal == 120_050
    assert [rejects for _, rejects in results] == [[]] * len(names)


def test_parquet_types_are_read_for_what_they_mean(tmp_path: Path) -> None:
    path = tmp_path / "payments.parquet"
    paid_at = datetime(2018, 7, 1, 9, tzinfo=UTC)
    typed = {**PAYMENT, "amount": Decimal("10.00"), "paid_at": paid_at}
    pq.write_table(pa.table({name: [value] for name, value in typed.items()}), path)
    ((record,), rejects) = read(path)
    assert (record.amount, record.paid_at, rejects) == (1_000, paid_at, [])


def test_rows_are_numbered_as_an_editor_counts_lines(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    bad = {**LOAN, "currency": "DOLLAR"}
    path.write_text(csv_text(LOAN, bad, LOAN, bad), encoding="utf-8")
    assert [reject.row for reject in read(path)[1]] == [3, 5]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"principal": "-5"}, "principal"),
        ({"principal": "0"}, "principal"),
        ({"principal": "1e3"}, "principal"),
        ({"principal": "1,5"}, "row"),
        ({"principal": "10.005"}, "principal"),
        ({"currency": "JPY"}, "principal"),
        ({"currency": "XXQ"}, "currency"),
        ({"issued_on": "2018-02-30"}, "issued_on"),
        ({"issued_on": "20180228"}, "issued_on"),
        ({"issued_on": "1018-02-28"}, "issued_on"),
        ({"external_id": ""}, "external_id"),
        ({"external_id": "x" * 201}, "external_id"),
        ({"borrower_external_id": "a\x00b"}, "borrower_external_id"),
        ({"autopay": "maybe"}, "autopay"),
        ({"status": "sold"}, "status"),
        ({"missed_before": "-1"}, "missed_before"),
    ],
)
def test_a_loan_that_makes_no_sense_names_its_field(tmp_path: Path, change: dict[str, str], field: str) -> None:
    ((found, reason),) = refusals(tmp_path, LOAN | change)
    assert found == field
    assert len(change.get(found, "")) < 3 or change[found] not in reason


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sms": "12"}, "sms"),
        ({"sms": "+12125550123", "sms_consent": "yes"}, "sms_consent"),
        ({"email": "no mailbox"}, "email"),
        ({"push": "two words"}, "push"),
        ({"email_consent": "withdrawn"}, "email_consent"),
        ({"consent_at": "2018-01-01T00:00:00"}, "consent_at"),
        ({"country": "Atlantis"}, "country"),
        ({"country": "us"}, "country"),
        ({"locale": "xx-yy-zz"}, "locale"),
        ({"locale": "en-XX"}, "locale"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"time_zone": "EST5"}, "time_zone"),
        ({"name": ""}, "name"),
    ],
)
def test_a_borrower_that_makes_no_sense_names_its_field(tmp_path: Path, change: dict[str, str], field: str) -> None:
    assert [found for found, _ in refusals(tmp_path, BORROWER | change)] == [field]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (INSTALMENT | {"number": "0"}, "number"),
        (INSTALMENT | {"number": "1.5"}, "number"),
        (INSTALMENT | {"due_on": "2018-13-01"}, "due_on"),
        (INSTALMENT | {"interest": "NaN"}, "interest"),
        (INSTALMENT | {"paid": "-1"}, "paid"),
        (PAYMENT | {"amount": "-10"}, "amount"),
        (PAYMENT | {"paid_at": "2018-07-01"}, "paid_at"),
        (PAYMENT | {"paid_at": "yesterday"}, "paid_at"),
    ],
)
def test_instalments_and_payments_name_their_field(tmp_path: Path, row: dict[str, str], field: str) -> None:
    assert [found for found, _ in refusals(tmp_path, row)] == [field]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"country": "US", "region": "NY"}, "America/New_York"),
        ({"country": "US", "region": "TX"}, None),
        ({"country": "US"}, None),
        ({"country": "CN"}, "Asia/Shanghai"),
        ({"country": "AU"}, None),
        ({"country": "GB"}, "Europe/London"),
        ({"country": "US", "region": "TX", "time_zone": "America/Chicago"}, "America/Chicago"),
    ],
)
def test_a_zone_is_derived_only_where_there_is_no_other(
    tmp_path: Path, place: dict[str, str], expected: str | None
) -> None:
    path = tmp_path / "borrowers.csv"
    path.write_text(csv_text(BORROWER | place), encoding="utf-8")
    ((record,), _) = read(path)
    assert record.time_zone == expected


def test_a_borrower_record_shows_no_person(tmp_path: Path) -> None:
    path = tmp_path / "borrowers.csv"
    path.write_text(csv_text(BORROWER | {"sms": "+12125550123", "sms_consent": "granted"}), encoding="utf-8")
    ((record,), _) = read(path)
    assert record.points[0].address == "+12125550123"
    assert "Ada" not in repr(record)
    assert "555" not in repr(record.points)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (gzip.compress(b""), "is empty"),
        (b"a,b,c\n1,2,3\n", "no kind of record"),
        (b"external_id,name,locale\nB1,Ada,en\n", "missing country for borrowers"),
        (csv_text(LOAN | {"colour": "red"}).encode(), "unknown column `colour` for loans"),
        (b"external_id,external_id\n", "`external_id` is there twice"),
        (b'"external_id,name\n', "header is not CSV"),
        (b"PAR1 not really", "Parquet"),
        (b"\x1f\x8b garbage", "damaged or cut off"),
        (b'{"external_id": 1}\n', "missing"),
        (b"{nonsense\n", "line 1: not a JSON object"),
        (b"x" * (LONGEST_LINE + 2), "longer than"),
    ],
)
def test_a_file_that_is_no_book_is_refused_as_a_whole(tmp_path: Path, data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(written(tmp_path, data))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read(path)


def test_a_file_that_is_cut_off_says_so_after_what_can_be_read(tmp_path: Path) -> None:
    whole = gzip.compress(csv_text(*[LOAN | {"external_id": f"L{n}"} for n in range(50_000)]).encode())
    with BookFile(written(tmp_path, whole[: len(whole) // 2])) as book_file:
        chunks = book_file.chunks()
        assert len(next(chunks).records) == source.CHUNK_ROWS
        with pytest.raises(InputError, match="damaged or cut off"):
            list(chunks)


def test_a_bad_row_does_not_stop_the_rest(tmp_path: Path) -> None:
    header = csv_text(LOAN).splitlines()[0]
    rows = [
        "L1,B1,USD,10.00,2018-01-01",
        "too,few",
        'L2,"B"1,USD,10.00,2018-01-01',
        "",
        "L3,B\xff1,USD,10.00,2018-01-01",
        "L4,B1,USD,10.00,2018-01-01",
    ]
    path = written(tmp_path, "\n".join([header, *rows]).encode("latin-1"))
    records, rejects = read(path)
    assert [record.external_id for record in records] == ["L1", "L4"]
    assert [(reject.row, reject.field) for reject in rejects] == [
        (3, "row"),
        (4, "row"),
        (6, "borrower_external_id"),
    ]


def test_json_lines_that_are_no_objects_or_have_unknown_keys_are_rejected_alone(tmp_path: Path) -> None:
    rows: Iterable[Any] = (LOAN, [1], LOAN | {"colour": "red"}, LOAN | {"product": {"a": 1}}, LOAN | {"autopay": True})
    path = written(tmp_path, b"\n".join(json.dumps(row).encode() for row in rows) + b"\n{broken\n")
    records, rejects = read(path)
    assert [record.autopay for record in records] == [None, True]
    assert [reject.row for reject in rejects] == [2, 3, 4, 6]


def test_the_kind_can_be_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, csv_text(LOAN).encode())
    with pytest.raises(InputError, match="for payments"):
        read(path, kind=RecordKind.PAYMENTS)
    with pytest.raises(InputError, match="lending-club"):
        read(path, file_format=FileFormat.LENDING_CLUB)


def test_a_line_without_end_is_never_held_in_memory() -> None:
    class Endless(io.RawIOBase):
        served = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.served += len(buffer)
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    endless = Endless()
    with pytest.raises(InputError, match="line 1 is longer"):
        next(lines(io.BufferedReader(endless)))
    assert endless.served < 4 * table.LONGEST_LINE


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv.gz"
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(csv_text(INSTALMENT).splitlines()[0] + "\n")
            file.writelines(f"L{n // 36},{n % 36 + 1},2018-07-01,100.00,2.50\n" for n in range(rows))
        tracemalloc.start()
        with BookFile(path) as book_file:
            assert sum(len(chunk.records) for chunk in book_file.chunks()) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(3 * source.CHUNK_ROWS) < 1.2 * peak(2 * source.CHUNK_ROWS)


@pytest.mark.parametrize(
    ("text", "locale"),
    [("en", "en"), ("zh_CN", "zh-CN"), ("zh-hk", "zh-HK"), ("zh-Hant", "zh-Hant"), ("pt-br", "pt-BR")],
)
def test_a_locale_is_kept_as_it_was_meant(text: str, locale: str) -> None:
    assert fields.locale(text) == locale
