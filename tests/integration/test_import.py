"""Importing into a real Postgres: idempotent, sealed, refusing what makes no sense, cancelling what is needless."""

import asyncio
import csv
import gzip
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from duecourse.book_files.kinds import KINDS, RowReader
from duecourse.book_files.source import BookFile
from duecourse.book_files.table import Row
from duecourse.domain.allocation import DEFAULT_ORDER
from duecourse.domain.book_record import BorrowerRecord, Chunk, RecordKind, Reject
from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import SealBroken
from duecourse.domain.vocabulary import Component
from duecourse.ledger.crypto import Vault, address_place, name_place
from duecourse.ledger.database import open_ledger
from duecourse.ledger.importing import open_import
from duecourse.usecases.import_book import ImportReport, Loaded, Watch, import_book
from duecourse.usecases.rotate_keys import rotate_keys

if TYPE_CHECKING:
    from duecourse.ledger.database import PostgresLedger

NOW = datetime(2018, 7, 2, 15, tzinfo=UTC)
CLOCK = FixedClock(NOW)
EXAMPLE = Path(__file__).parents[2] / "examples" / "lending_club_2018q1.csv.gz"
DUE = date(2018, 7, 20)

BORROWER = {"external_id": "B1", "name": "Ada Lovelace", "locale": "en", "country": "US", "region": "NY"}
LOAN = {
    "external_id": "L1",
    "borrower_external_id": "B1",
    "currency": "USD",
    "principal": "200.00",
    "issued_on": "2018-06-01",
}
FIRST = {"loan_external_id": "L1", "number": "1", "due_on": "2018-07-20", "principal": "100.00", "interest": "10.00"}
SECOND = FIRST | {"number": "2", "due_on": "2018-08-20"}
PAYMENT = {
    "external_id": "P1",
    "loan_external_id": "L1",
    "amount": "30.00",
    "currency": "USD",
    "paid_at": "2018-07-02T09:00:00Z",
}


class Importer:
    """One import after another, each as a file of its own."""

    def __init__(self, ledger: "PostgresLedger") -> None:
        self.ledger = ledger

    async def load(
        self, kind: RecordKind, *chunks: Sequence[dict[str, str]], order: Sequence[Component] = DEFAULT_ORDER
    ) -> list[Loaded]:
        number = 1
        results = []
        async with open_import(self.ledger, CLOCK, order=order, actor="test") as book:
            for rows in chunks:
                records = []
                for row in rows:
                    number += 1
                    records.append(RowReader(KINDS[kind], list(row)).read(Row(number, list(row.values()))))
                results.append(await book.load(Chunk(kind=kind, records=records, rejects=[])))
        return results

    async def one(self, kind: RecordKind, *rows: dict[str, str]) -> Loaded:
        (result,) = await self.load(kind, rows)
        return result

    async def book(self, *, borrower: dict[str, str] | None = None) -> None:
        await self.one(RecordKind.BORROWERS, borrower or BORROWER)
        await self.one(RecordKind.LOANS, LOAN)
        await self.one(RecordKind.INSTALMENTS, FIRST, SECOND)

    async def rows(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.ledger.transaction() as tx:
            cursor = await tx.conn.execute(query.encode(), args)
            return await cursor.fetchall()

    async def plan(self, due_on: date) -> int:
        async with self.ledger.transaction() as tx:
            await tx.conn.execute("SELECT ensure_months(%s, %s)", (due_on, due_on))
            cursor = await tx.conn.execute(
                "INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, audience,"
                " template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)"
                " SELECT contact_month_base(%(due)s) + nextval('contact_numbers'), %(due)s, borrower_id, 'c', 1, 'T-1',"
                " 'sms', 'standard', 't', '{paid}', 5, %(now)s, %(now)s, %(later)s, %(now)s, %(now)s"
                " FROM borrowers WHERE external_id = 'B1' RETURNING contact_id",
                {"due": due_on, "now": NOW, "later": NOW + timedelta(days=30)},
            )
            (contact_id,) = await cursor.fetchone() or (0,)
        return int(contact_id)


@pytest.fixture
def importer(ledger: "PostgresLedger") -> Importer:
    return Importer(ledger)


PAID = "SELECT number, interest_paid, fee_paid, principal_paid, penalty_paid, met_on FROM instalments ORDER BY number"


async def test_a_book_is_loaded_with_its_amounts_in_minor_units(importer: Importer) -> None:
    await importer.book()
    assert await importer.rows("SELECT external_id, locale, country, region, time_zone FROM borrowers") == [
        ("B1", "en", "US", "NY", "America/New_York")
    ]
    assert await importer.rows("SELECT product, currency, principal_minor, autopay, status FROM loans") == [
        ("instalment", "USD", 20_000, False, "active")
    ]
    query = "SELECT number, due_on, principal_minor, interest_minor, outstanding_minor FROM instalments ORDER BY 1"
    assert await importer.rows(query) == [
        (1, DUE, 10_000, 1_000, 11_000),
        (2, date(2018, 8, 20), 10_000, 1_000, 11_000),
    ]


async def test_each_chunk_leaves_one_event_with_counts_and_no_person(importer: Importer) -> None:
    await importer.book()
    events = await importer.rows("SELECT kind, actor, data FROM events ORDER BY event_id")
    assert [(kind, actor, data["kind"], data["loaded"]) for kind, actor, data in events] == [
        ("book.imported", "test", "borrowers", 1),
        ("book.imported", "test", "loans", 1),
        ("book.imported", "test", "instalments", 2),
    ]
    assert "Ada" not in str(events)


async def test_loading_the_same_files_again_changes_nothing(importer: Importer) -> None:
    tables = "SELECT (SELECT jsonb_agg(to_jsonb(t) ORDER BY t) FROM {} t)"
    full = BORROWER | {"sms": "+12125550123", "sms_consent": "granted", "email": "ada@example.com"}
    await importer.book(borrower=full)
    await importer.one(RecordKind.PAYMENTS, PAYMENT)
    names = ("loans", "instalments", "payments", "allocations", "contact_points", "data_keys")
    before = [await importer.rows(tables.format(name)) for name in names]
    await importer.book(borrower=full)
    again = await importer.one(RecordKind.PAYMENTS, PAYMENT)
    assert again.repeated == 1
    assert [await importer.rows(tables.format(name)) for name in names] == before


async def test_a_changed_row_updates_and_an_empty_cell_keeps_what_is_known(importer: Importer) -> None:
    await importer.book()
    await importer.one(RecordKind.LOANS, LOAN | {"autopay": "true", "product": "car", "missed_before": "2"})
    await importer.one(RecordKind.LOANS, LOAN | {"principal": "250.00", "autopay": "", "product": ""})
    assert await importer.rows("SELECT principal_minor, autopay, product, missed_before FROM loans") == [
        (25_000, True, "car", 2)
    ]
    await importer.one(RecordKind.INSTALMENTS, FIRST | {"fee": "5.00"})
    await importer.one(RecordKind.INSTALMENTS, FIRST | {"interest": "12.00"})
    query = "SELECT interest_minor, fee_minor FROM instalments WHERE number = 1"
    assert await importer.rows(query) == [(1_200, 500)]


async def test_what_belongs_to_nothing_is_rejected_and_the_rest_loads(importer: Importer) -> None:
    await importer.book()
    loans = await importer.one(
        RecordKind.LOANS, LOAN | {"external_id": "L2", "borrower_external_id": "B9"}, LOAN | {"external_id": "L3"}
    )
    assert list(loans.rejects) == [Reject(2, "borrower_external_id", "no such borrower")]
    instalments = await importer.one(RecordKind.INSTALMENTS, FIRST | {"loan_external_id": "L9"}, SECOND)
    assert list(instalments.rejects) == [Reject(2, "loan_external_id", "no such loan")]
    payments = await importer.one(
        RecordKind.PAYMENTS, PAYMENT, PAYMENT | {"external_id": "P2", "loan_external_id": "L9"}
    )
    assert list(payments.rejects) == [Reject(3, "loan_external_id", "no such loan")]
    assert await importer.rows("SELECT external_id FROM loans ORDER BY 1") == [("L1",), ("L3",)]


async def test_a_key_that_comes_twice_in_a_file_counts_once(importer: Importer) -> None:
    await importer.book()
    first, second = await importer.load(
        RecordKind.LOANS,
        [LOAN | {"external_id": "L2"}, LOAN | {"external_id": "L2", "principal": "1.00"}],
        [LOAN | {"external_id": "L2", "principal": "2.00"}, LOAN | {"external_id": "L3"}],
    )
    assert [(r.row, r.field) for r in (*first.rejects, *second.rejects)] == [(3, "external_id"), (4, "external_id")]
    assert await importer.rows("SELECT external_id, principal_minor FROM loans ORDER BY 1 OFFSET 1") == [
        ("L2", 20_000),
        ("L3", 20_000),
    ]
    twice = await importer.one(RecordKind.INSTALMENTS, FIRST, SECOND, FIRST | {"interest": "99.00"})
    assert [(r.row, r.field) for r in twice.rejects] == [(4, "number")]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (LOAN | {"currency": "EUR"}, "currency"),
        (LOAN | {"borrower_external_id": "B2"}, "borrower_external_id"),
    ],
)
async def test_a_loan_cannot_change_whose_it_is_or_its_currency(
    importer: Importer, row: dict[str, str], field: str
) -> None:
    await importer.book()
    await importer.one(RecordKind.BORROWERS, BORROWER | {"external_id": "B2"})
    assert [r.field for r in (await importer.one(RecordKind.LOANS, row)).rejects] == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"principal": "100.001"}, "principal"),
        ({"paid": "0.005"}, "paid"),
        ({"paid": "110.01"}, "paid"),
        ({"met_on": "2018-07-01"}, "met_on"),
        ({"paid": "50.00", "met_on": "2018-07-01"}, "met_on"),
    ],
)
async def test_an_instalment_that_makes_no_sense_beside_its_loan_is_rejected(
    importer: Importer, change: dict[str, str], field: str
) -> None:
    await importer.book()
    before = await importer.rows(PAID)
    result = await importer.one(RecordKind.INSTALMENTS, FIRST | change)
    assert [r.field for r in result.rejects] == [field]
    assert await importer.rows(PAID) == before


async def test_amounts_follow_the_currency_of_the_loan(importer: Importer) -> None:
    await importer.book()
    yen = LOAN | {"external_id": "L2", "currency": "JPY", "principal": "20000"}
    dinar = LOAN | {"external_id": "L3", "currency": "KWD", "principal": "20.125"}
    await importer.one(RecordKind.LOANS, yen, dinar)
    result = await importer.one(
        RecordKind.INSTALMENTS,
        FIRST | {"loan_external_id": "L2", "principal": "20000", "interest": "15"},
        FIRST | {"loan_external_id": "L3", "principal": "20.125", "interest": "1.5"},
        SECOND | {"loan_external_id": "L2", "principal": "1.5", "interest": "0"},
    )
    assert [(r.row, r.field) for r in result.rejects] == [(4, "principal")]
    query = "SELECT currency, principal_minor, interest_minor FROM instalments WHERE loan_id > 1 ORDER BY currency"
    assert await importer.rows(query) == [("JPY", 20_000, 15), ("KWD", 20_125, 1_500)]


async def test_what_is_paid_is_split_in_the_configured_order(importer: Importer) -> None:
    await importer.book()
    paid = FIRST | {"fee": "3.00", "penalty": "2.00", "paid": "14.00"}
    await importer.one(RecordKind.INSTALMENTS, paid)
    assert (await importer.rows(PAID))[0] == (1, 1_000, 300, 100, 0, None)
    order = (Component.PRINCIPAL, Component.PENALTY, Component.FEE, Component.INTEREST)
    await importer.load(RecordKind.INSTALMENTS, [paid | {"paid": "104.00"}], order=order)
    assert (await importer.rows(PAID))[0] == (1, 0, 200, 10_000, 200, None)


async def test_a_met_instalment_has_the_day_it_was_met(importer: Importer) -> None:
    await importer.book()
    await importer.one(
        RecordKind.INSTALMENTS,
        FIRST | {"paid": "110.00", "met_on": "2018-07-01"},
        SECOND | {"due_on": "2018-06-20", "paid": "110.00"},
        SECOND | {"number": "3", "paid": "110.00"},
    )
    days = [row[-1] for row in await importer.rows(PAID)]
    assert days == [date(2018, 7, 1), date(2018, 6, 20), NOW.date()]


async def test_a_file_does_not_take_back_what_a_recorded_payment_met(importer: Importer) -> None:
    await importer.book()
    await importer.one(RecordKind.PAYMENTS, PAYMENT)
    await importer.one(RecordKind.INSTALMENTS, FIRST | {"paid": "0.00"})
    assert (await importer.rows(PAID))[0] == (1, 1_000, 0, 2_000, 0, None)
    await importer.one(RecordKind.INSTALMENTS, FIRST | {"paid": "45.00"})
    assert (await importer.rows(PAID))[0] == (1, 1_000, 0, 3_500, 0, None)
    less = await importer.one(RecordKind.INSTALMENTS, FIRST | {"interest": "9.00"})
    assert [(r.field, r.reason) for r in less.rejects] == [("interest", "less than recorded payments have met")]
    await importer.one(RecordKind.PAYMENTS, PAYMENT | {"reversed_at": "2018-07-02T10:00:00Z"})
    assert (await importer.rows(PAID))[0] == (1, 0, 0, 1_500, 0, None)


async def test_a_payment_that_came_back_before_we_heard_of_it_meets_nothing(importer: Importer) -> None:
    await importer.book()
    contact = await importer.plan(DUE)
    await importer.one(RecordKind.PAYMENTS, PAYMENT | {"amount": "110.00", "reversed_at": "2018-07-02T10:00:00Z"})
    assert (await importer.rows(PAID))[0] == (1, 0, 0, 0, 0, None)
    assert await importer.rows("SELECT state FROM contacts WHERE contact_id = %s", contact) == [("planned",)]
    assert await importer.rows("SELECT reversed_at IS NULL, credit_minor FROM payments") == [(False, 0)]


async def test_credit_meets_an_instalment_when_it_is_imported(importer: Importer) -> None:
    await importer.book()
    await importer.one(RecordKind.PAYMENTS, PAYMENT | {"amount": "250.00"})
    assert await importer.rows("SELECT credit_minor FROM loans") == [(3_000,)]
    await importer.one(RecordKind.INSTALMENTS, SECOND | {"number": "3", "due_on": "2018-09-20"})
    assert (await importer.rows(PAID))[2] == (3, 1_000, 0, 2_000, 0, None)
    assert await importer.rows("SELECT credit_minor FROM loans") == [(0,)]


async def test_an_import_cancels_what_it_makes_needless(importer: Importer) -> None:
    await importer.book()
    first, second = await importer.plan(DUE), await importer.plan(date(2018, 8, 20))
    paid = await importer.one(RecordKind.INSTALMENTS, FIRST | {"paid": "110.00"}, SECOND)
    assert paid.cancelled == 1
    moved = await importer.one(RecordKind.INSTALMENTS, SECOND | {"due_on": "2018-08-25"})
    assert moved.cancelled == 1
    third = await importer.plan(date(2018, 8, 25))
    closed = await importer.one(RecordKind.LOANS, LOAN | {"status": "charged_off"})
    assert closed.cancelled == 1
    query = "SELECT contact_id, state, reason FROM contacts ORDER BY due_on"
    assert await importer.rows(query) == [
        (first, "cancelled", "paid"),
        (second, "cancelled", "moved"),
        (third, "cancelled", "closed"),
    ]
    events = "SELECT contact_id, data ->> 'reason' FROM events WHERE kind = 'contact.cancelled' ORDER BY event_id"
    assert await importer.rows(events) == [(first, "paid"), (second, "moved"), (third, "closed")]


async def test_names_and_addresses_are_sealed_for_their_row_and_found_by_their_index(
    importer: Importer, vault: Vault
) -> None:
    await importer.book(borrower=BORROWER | {"sms": "(212) 555-0123", "email": "Ada@example.com"})
    ((key_id, wrapped, version, name),) = await importer.rows(
        "SELECT data_key_id, wrapped, master_version, name_sealed FROM borrowers JOIN data_keys USING (data_key_id)"
    )
    key = vault.open_key(wrapped, version)
    assert vault.open(key, name_place(key_id), name) == "Ada Lovelace"
    points = await importer.rows("SELECT channel, address_sealed, address_index FROM contact_points ORDER BY channel")
    opened = {c: vault.open(key, address_place(key_id, c, index), sealed) for c, sealed, index in points}
    assert opened == {"email": "Ada@example.com", "sms": "+12125550123"}
    with pytest.raises(SealBroken):
        vault.open(key, address_place(key_id, "sms", points[1][2]), points[0][1])
    assert points[0][2] == vault.index("email", "ada@example.com")
    assert points[1][2] == vault.index("sms", "+12125550123")


async def test_the_database_holds_no_name_and_no_address_in_the_clear(importer: Importer) -> None:
    canaries = ("Zebulon", "2125550199", "canary@example.com", "tokencanary")
    await importer.book(
        borrower=BORROWER
        | {
            "name": canaries[0],
            "sms": "+12125550199",
            "email": canaries[2],
            "push": canaries[3],
            "sms_consent": "granted",
        }
    )
    tables = await importer.rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace AND has_table_privilege(oid, 'SELECT')"
    )
    assert len(tables) > 15
    for (table,) in tables:
        text = str(await importer.rows(f"SELECT t::text FROM {table} t"))
        for canary in canaries:
            assert canary not in text
            assert canary.encode().hex() not in text


async def test_a_new_address_replaces_the_old_and_other_channels_stay(importer: Importer, vault: Vault) -> None:
    first = BORROWER | {"sms": "+12125550123", "email": "ada@example.com", "sms_consent": "granted"}
    await importer.one(RecordKind.BORROWERS, first)
    await importer.one(RecordKind.BORROWERS, BORROWER | {"sms": "+12125550124", "sms_consent": "", "name": "Ada King"})
    points = await importer.rows("SELECT channel, consent, address_index FROM contact_points ORDER BY channel")
    assert points == [
        ("email", "unknown", vault.index("email", "ada@example.com")),
        ("sms", "unknown", vault.index("sms", "+12125550124")),
    ]


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (("granted", "2018-01-01"), ("withdrawn", "2018-02-01"), "withdrawn"),
        (("withdrawn", "2018-02-01"), ("granted", "2018-01-01"), "withdrawn"),
        (("granted", "2018-02-01"), ("withdrawn", "2018-01-01"), "granted"),
        (("withdrawn", "2018-01-01"), ("granted", ""), "withdrawn"),
        (("granted", "2018-01-01"), ("withdrawn", ""), "withdrawn"),
        (("granted", ""), ("withdrawn", ""), "withdrawn"),
        (("granted", "2018-01-01"), ("", ""), "granted"),
    ],
)
async def test_of_two_words_about_consent_the_later_counts(
    importer: Importer, first: tuple[str, str], then: tuple[str, str], expected: str
) -> None:
    for consent, day in (first, then):
        at = f"{day}T00:00:00Z" if day else ""
        row = BORROWER | {"sms": "+12125550123", "sms_consent": consent, "consent_at": at}
        await importer.one(RecordKind.BORROWERS, row)
    assert await importer.rows("SELECT consent FROM contact_points") == [(expected,)]


async def test_a_rotated_master_key_opens_everything_and_the_old_one_may_go(
    importer: Importer, database_url: str, vault: Vault
) -> None:
    await importer.one(RecordKind.BORROWERS, *[BORROWER | {"external_id": f"B{n}"} for n in range(1_203)])
    rows = await importer.rows("SELECT data_key_id, wrapped, master_version FROM data_keys LIMIT 1")
    with pytest.raises(SealBroken):
        Vault({2: b"2" * 32}, b"i" * 32).open_key(*rows[0][1:])
    both = Vault({1: bytes(range(32)), 2: b"2" * 32}, b"i" * 32)
    async with open_ledger(database_url, both) as ledger:
        assert await rotate_keys(ledger=ledger) == 1_203
        assert await rotate_keys(ledger=ledger) == 0
    only_new = Vault({2: b"2" * 32}, b"i" * 32)
    query = "SELECT data_key_id, wrapped, master_version, name_sealed FROM borrowers JOIN data_keys USING (data_key_id)"
    for key_id, wrapped, version, name in (await importer.rows(query))[::100]:
        assert only_new.open(only_new.open_key(wrapped, version), name_place(key_id), name) == "Ada Lovelace"


async def test_a_borrower_whose_key_was_destroyed_is_not_brought_back(importer: Importer) -> None:
    await importer.book()
    await importer.rows("DELETE FROM data_keys RETURNING 1")
    result = await importer.one(RecordKind.BORROWERS, BORROWER, BORROWER | {"external_id": "B2"})
    assert [(r.row, r.field) for r in result.rejects] == [(2, "external_id")]
    assert await importer.rows("SELECT count(*) FROM data_keys") == [(1,)]


async def test_a_chunk_that_fails_leaves_nothing_behind(importer: Importer) -> None:
    async with open_import(importer.ledger, CLOCK, order=DEFAULT_ORDER, actor="test") as book:
        reader = RowReader(KINDS[RecordKind.BORROWERS], list(BORROWER))
        good = reader.read(Row(2, list(BORROWER.values())))
        assert isinstance(good, BorrowerRecord)
        broken = good._replace(external_id="B2", country="Atlantis")
        with pytest.raises(Exception, match="country"):
            await book.load(Chunk(kind=RecordKind.BORROWERS, records=[good, broken], rejects=[]))
        assert await importer.rows("SELECT count(*) FROM borrowers") == [(0,)]
        result = await book.load(Chunk(kind=RecordKind.BORROWERS, records=[good], rejects=[]))
    assert result.rejects == ()
    assert await importer.rows("SELECT count(*) FROM borrowers") == [(1,)]


async def load_file(ledger: "PostgresLedger", path: Path) -> ImportReport:
    with BookFile(path) as book_file:
        async with open_import(ledger, CLOCK, order=DEFAULT_ORDER, actor="test") as book:
            return await import_book(book_file.chunks(), book, Watch())


async def test_published_loans_load_to_the_cent_and_a_second_time_without_change(
    importer: Importer, tmp_path: Path
) -> None:
    path = tmp_path / "some.csv"
    with gzip.open(EXAMPLE, "rt", encoding="utf-8") as file:
        some = [next(file) for _ in range(41)]
    path.write_text("".join(some), encoding="utf-8")
    cents = sum(round(Decimal(row["paid_total"]) * 100) for row in csv.DictReader(some))
    first, again = await load_file(importer.ledger, path), await load_file(importer.ledger, path)
    assert (first.rejected, first.loaded) == (0, again.loaded)
    assert first.loaded[RecordKind.LOANS] == 40
    query = """
    SELECT sum(principal_paid + interest_paid + fee_paid + penalty_paid)::bigint,
           sum(principal_minor)::bigint = (SELECT sum(principal_minor) FROM loans),
           count(*) FILTER (WHERE (outstanding_minor = 0) <> (met_on IS NOT NULL))
    FROM instalments"""
    assert await importer.rows(query) == [(cents, True, 0)]


async def test_two_imports_of_one_file_at_the_same_time_make_one_book(importer: Importer, tmp_path: Path) -> None:
    path = tmp_path / "borrowers.csv"
    rows = [BORROWER | {"external_id": f"B{n}", "email": f"b{n}@example.com"} for n in range(500)]
    path.write_text("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]), encoding="utf-8")
    reports = await asyncio.gather(*(load_file(importer.ledger, path) for _ in range(3)))
    assert [report.loaded for report in reports] == [{RecordKind.BORROWERS: 500}] * 3
    query = "SELECT (SELECT count(*) FROM borrowers), (SELECT count(*) FROM data_keys), count(*) FROM contact_points"
    assert await importer.rows(query) == [(500, 500, 500)]
