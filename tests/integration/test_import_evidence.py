"""What a book file says for the legal gate: places, zones, whose address it is, in whose name a loan is collected."""

from datetime import UTC, datetime
from typing import Any

import pytest

from duecourse.book_files.fields import FieldError
from duecourse.book_files.kinds import KINDS, RowReader
from duecourse.book_files.table import Row
from duecourse.domain.allocation import DEFAULT_ORDER
from duecourse.domain.book_record import Chunk, Record, RecordKind
from duecourse.domain.clock import FixedClock
from duecourse.ledger.database import PostgresLedger
from duecourse.ledger.importing import open_import
from duecourse.policy.packs.vocabulary import NoticeBefore

BORROWER = {"external_id": "B1", "name": "Ada Lovelace", "locale": "en", "country": "US", "region": "NY"}
NOW = datetime(2018, 7, 10, 13, tzinfo=UTC)
SHOWN = datetime(2018, 7, 1, 9, tzinfo=UTC)
LOAN = {
    "external_id": "L1",
    "borrower_external_id": "B1",
    "currency": "USD",
    "principal": "200.00",
    "issued_on": "2018-06-01",
}


def record(kind: RecordKind, row: dict[str, str]) -> Record:
    return RowReader(KINDS[kind], list(row)).read(Row(2, list(row.values())))


async def load(ledger: PostgresLedger, kind: RecordKind, row: dict[str, str]) -> None:
    chunk = Chunk(kind=kind, records=[record(kind, row)], rejects=[])
    async with open_import(ledger, FixedClock(NOW), order=DEFAULT_ORDER, actor="test") as book:
        assert (await book.load(chunk)).rejects == ()


async def rows(ledger: PostgresLedger, query: str) -> list[tuple[Any, ...]]:
    async with ledger.transaction() as tx:
        return await (await tx.conn.execute(query.encode())).fetchall()


async def evidence(ledger: PostgresLedger) -> dict[str, list[str]]:
    ((found,),) = await rows(ledger, "SELECT zone_evidence FROM borrowers")
    assert isinstance(found, dict)
    return found


async def test_zones_are_kept_by_what_speaks_of_them(ledger: PostgresLedger) -> None:
    said = {"sms": "+13105550100", "stated_time_zone": "America/Denver", "device_time_zone": "Europe/Paris"}
    await load(ledger, RecordKind.BORROWERS, BORROWER | said)
    assert await evidence(ledger) == {
        "sms": ["America/Los_Angeles"],
        "stated": ["America/Denver"],
        "device": ["Europe/Paris"],
    }
    assert await rows(ledger, "SELECT time_zone FROM borrowers") == [("America/New_York",)]


async def test_a_new_number_replaces_what_the_old_prefix_said_and_nothing_else(ledger: PostgresLedger) -> None:
    phones = {"sms": "+13105550100", "voice": "+12125550100", "stated_time_zone": "America/Denver"}
    await load(ledger, RecordKind.BORROWERS, BORROWER | phones)
    await load(ledger, RecordKind.BORROWERS, BORROWER | {"sms": "+13125550100"})
    assert await evidence(ledger) == {
        "sms": ["America/Chicago"],
        "voice": ["America/New_York"],
        "stated": ["America/Denver"],
    }
    await load(ledger, RecordKind.BORROWERS, BORROWER | {"sms": "+80012345678"})
    assert (await evidence(ledger))["sms"] == []


async def test_a_place_is_kept_until_another_one_is_said(ledger: PostgresLedger) -> None:
    place = "SELECT country, region, place_country, place_region FROM borrowers"
    await load(ledger, RecordKind.BORROWERS, BORROWER | {"place_country": "BR", "place_region": "SP"})
    await load(ledger, RecordKind.BORROWERS, BORROWER)
    assert await rows(ledger, place) == [("US", "NY", "BR", "SP")]
    await load(ledger, RecordKind.BORROWERS, BORROWER | {"place_country": "SG"})
    assert await rows(ledger, place) == [("US", "NY", "SG", None)]


async def test_an_address_says_whose_it_is_and_a_phone_whose_plan(ledger: PostgresLedger) -> None:
    said = {
        "sms": "+12125550100",
        "email": "ada@work.example",
        "email_employer": "true",
        "sms_verified_at": "2018-07-01T09:00:00Z",
    }
    await load(ledger, RecordKind.BORROWERS, BORROWER | said)
    points = "SELECT channel, country, employer, verified_at FROM contact_points ORDER BY channel"
    assert await rows(ledger, points) == [("email", None, True, None), ("sms", "US", False, SHOWN)]
    shown = {"email": "ada@work.example", "email_verified_at": "2018-07-01T09:00:00Z"}
    await load(ledger, RecordKind.BORROWERS, BORROWER | shown)
    assert await rows(ledger, points) == [("email", None, True, SHOWN), ("sms", "US", False, SHOWN)]


async def test_a_loan_says_in_whose_name_it_is_collected(ledger: PostgresLedger) -> None:
    await load(ledger, RecordKind.BORROWERS, BORROWER)
    await load(ledger, RecordKind.LOANS, LOAN | {"actor_role": "assignee"})
    await load(ledger, RecordKind.LOANS, LOAN)
    assert await rows(ledger, "SELECT actor_role FROM loans") == [("assignee",)]


async def test_what_is_said_of_the_employer_and_of_age_stays_until_it_is_said_otherwise(ledger: PostgresLedger) -> None:
    said = "SELECT employer_forbids, underage FROM borrowers"
    await load(ledger, RecordKind.BORROWERS, BORROWER)
    assert await rows(ledger, said) == [(None, None)]
    await load(ledger, RecordKind.BORROWERS, BORROWER | {"employer_forbids": "true", "underage": "no"})
    await load(ledger, RecordKind.BORROWERS, BORROWER)
    assert await rows(ledger, said) == [(True, False)]
    await load(ledger, RecordKind.BORROWERS, BORROWER | {"employer_forbids": "false"})
    assert await rows(ledger, said) == [(False, False)]


async def test_a_loan_says_what_its_borrower_was_told_and_each_notice_is_its_own(ledger: PostgresLedger) -> None:
    await load(ledger, RecordKind.BORROWERS, BORROWER)
    await load(ledger, RecordKind.LOANS, LOAN | {"agency_start_notice_at": "2018-07-01T09:00:00Z"})
    await load(ledger, RecordKind.LOANS, LOAN | {"first_collection_notice_at": "2018-07-02T09:00:00+02:00"})
    await load(ledger, RecordKind.LOANS, LOAN)
    assert await rows(ledger, "SELECT notices FROM loans") == [
        ({"agency_start": "2018-07-01T09:00:00+00:00", "first_collection": "2018-07-02T09:00:00+02:00"},)
    ]


def test_every_notice_that_a_rule_may_ask_of_a_loan_has_its_column() -> None:
    columns = {f"{notice}_notice_at" for notice in NoticeBefore if notice is not NoticeBefore.VISIT}
    assert columns == {name for name in KINDS[RecordKind.LOANS].optional if "_notice_" in name}


@pytest.mark.parametrize(
    ("kind", "row", "field"),
    [
        (RecordKind.BORROWERS, BORROWER | {"stated_time_zone": "Mars/Base"}, "stated_time_zone"),
        (RecordKind.BORROWERS, BORROWER | {"place_country": "Utopia"}, "place_country"),
        (RecordKind.BORROWERS, BORROWER | {"email_employer": "perhaps"}, "email_employer"),
        (RecordKind.BORROWERS, BORROWER | {"underage": "17"}, "underage"),
        (RecordKind.LOANS, LOAN | {"actor_role": "friend"}, "actor_role"),
        (RecordKind.LOANS, LOAN | {"agency_start_notice_at": "yesterday"}, "agency_start_notice_at"),
    ],
)
def test_what_is_no_such_thing_is_refused_by_its_column(kind: RecordKind, row: dict[str, str], field: str) -> None:
    with pytest.raises(FieldError, match=field):
        record(kind, row)
