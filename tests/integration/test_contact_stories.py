"""The record of a contact can be listed, told, and opened only on the record."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from duecourse.domain.address import DebtorAddress
from duecourse.domain.clock import FixedClock, Times
from duecourse.domain.contact import ContactState, month_base
from duecourse.domain.event import Event
from duecourse.domain.letter import Letter
from duecourse.domain.message import Rendered
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.crypto import Vault, body_place
from duecourse.ledger.database import PostgresLedger, PostgresTransaction
from duecourse.ledger.rehearsal import Rehearsal
from duecourse.ledger.stories import ContactFilter
from duecourse.usecases.reveal_contact import RevealContact

AT = datetime(2018, 4, 16, 15, tzinfo=UTC)
TIMES = Times(business=AT, lease=AT)
DUE = date(2018, 4, 16)
LATER = date(2018, 5, 16)
LETTER = Letter(
    to=DebtorAddress("+12025550143"), locale="en", body=Rendered(text="CANARY: your instalment is due today")
)
VERDICT = {"decision": "allow", "rules": ["quiet-hours", "consent"], "packs": ["base@1"], "facts": {"open_items": 1}}

BORROWER = """
INSERT INTO borrowers (borrower_id, external_id, data_key_id, name_sealed, locale, country, created_at, updated_at)
VALUES (%s, %s, %s, '\\x00', 'en', 'US', %s, %s)
"""
CONTACT = """
INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, audience, template, stop,
    priority, scheduled_at, not_before, not_after, planned_at, state_at)
VALUES (%(id)s, %(due)s, %(borrower)s, 'default', 1, %(rung)s, %(channel)s, 'standard', 'due', '{}', 5,
    %(at)s, %(at)s, %(end)s, %(at)s, %(at)s)
"""
ATTEMPT = """
INSERT INTO attempts (contact_id, due_on, number, kind, borrower_id, channel, provider, fence, owner, reference,
    idempotency_key, body_hash, body_sealed, armed_business, armed_at, local_day)
VALUES (%s, %s, 1, 'send', 1, 'sms', 'sandbox-sms', 1, 1, 'ref-1', 'key-1', '\\x00', %s, %s, %s, %s)
"""
RECEIPT = """
INSERT INTO receipts (provider, event_key, inbox_id, kind, contact_id, applied_at)
VALUES ('sandbox-sms', 'evt-1', 1, 'delivered', %s, %s)
"""

LOAN = """
WITH loan AS (
    INSERT INTO loans (external_id, borrower_id, currency, principal_minor, issued_on)
    VALUES ('L-2', 2, 'USD', 100000, '2018-01-16') RETURNING loan_id
)
INSERT INTO instalments (loan_id, borrower_id, number, due_on, currency, principal_minor)
SELECT loan_id, 2, 1, %(day)s, 'USD', 10000 FROM loan
"""


@dataclass(frozen=True)
class Book:
    ledger: PostgresLedger
    told: int
    """A contact with an attempt, events and a receipt."""
    bare: int
    """One that is only planned, of another borrower, a month later."""


@pytest.fixture
async def book(ledger: PostgresLedger, vault: Vault) -> Book:
    # Far from where the sequence begins.
    told, bare = month_base(DUE) + 1_000_001, month_base(LATER) + 1_000_002
    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (DUE, LATER))
        key_id = await add_borrower(tx, vault, 1)
        await add_borrower(tx, vault, 2)
        await add_contact(tx, told, DUE, 1, rung="T0-morning", channel="sms")
        await add_contact(tx, bare, LATER, 2, rung="T-1", channel="push")
        await tx.conn.execute(
            ATTEMPT, (told, DUE, sealed(vault, key_id[1], body_place(key_id[0], "ref-1")), AT, AT, DUE)
        )
        await tx.events.append(TIMES, "scheduler", [Event(kind="contact.planned", contact_id=told)])
        armed = Event(kind="contact.sending", contact_id=told, data={"verdict": VERDICT, "attempt": 1})
        await tx.events.append(TIMES, "worker:sms", [armed])
        await tx.conn.execute(RECEIPT, (told, AT))
    return Book(ledger, told, bare)


async def add_borrower(tx: PostgresTransaction, vault: Vault, number: int) -> tuple[int, bytes]:
    _, wrapped, version = vault.new_key()
    cursor = await tx.conn.execute(
        "INSERT INTO data_keys (purpose, wrapped, master_version) VALUES ('borrower', %s, %s) RETURNING data_key_id",
        (wrapped, version),
    )
    (key_id,) = await cursor.fetchone() or (0,)
    await tx.conn.execute(BORROWER, (number, f"B-{number}", key_id, AT, AT))
    return key_id, wrapped


async def add_contact(tx: PostgresTransaction, number: int, due: date, borrower: int, **row: str) -> None:
    values = row | {"id": number, "due": due, "borrower": borrower, "at": AT, "end": AT + timedelta(hours=4)}
    await tx.conn.execute(CONTACT, values)


def sealed(vault: Vault, wrapped: bytes, place: str) -> bytes:
    return vault.seal_bytes(vault.open_key(wrapped, vault.newest), place, LETTER.freeze())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ContactFilter(), ["bare", "told"]),
        (ContactFilter(limit=1), ["bare"]),
        (ContactFilter(channel=ChannelKind.SMS), ["told"]),
        (ContactFilter(due_on=LATER), ["bare"]),
        (ContactFilter(borrower="B-1"), ["told"]),
        (ContactFilter(rung="T-1", state=ContactState.PLANNED), ["bare"]),
        (ContactFilter(state=ContactState.ACCEPTED), []),
        (ContactFilter(borrower="B-1' OR true --"), []),
    ],
)
async def test_contacts_are_found_by_each_filter(book: Book, wanted: ContactFilter, found: list[str]) -> None:
    async with book.ledger.transaction() as tx:
        rows = await tx.stories.find(wanted)
    assert [row["contact_id"] for row in rows] == [getattr(book, name) for name in found]


async def test_a_story_has_every_attempt_event_verdict_and_receipt(book: Book) -> None:
    async with book.ledger.transaction() as tx:
        story = await tx.stories.tell(book.told)
    assert story is not None
    assert (story.contact["borrower"], story.contact["state"]) == ("B-1", "planned")
    assert [(a["number"], a["provider"], a["reference"]) for a in story.attempts] == [(1, "sandbox-sms", "ref-1")]
    assert [event["kind"] for event in story.events] == ["contact.planned", "contact.sending"]
    assert story.events[1]["data"]["verdict"] == VERDICT
    assert [(r["kind"], r["event_key"]) for r in story.receipts] == [("delivered", "evt-1")]
    assert "CANARY" not in repr(story)


@pytest.mark.parametrize("number", [-1, 0, 5, month_base(DUE) + 999, 2**62])
async def test_an_id_that_belongs_to_no_contact_has_no_story(book: Book, number: int) -> None:
    async with book.ledger.transaction() as tx:
        assert await tx.stories.tell(number) is None


async def test_opening_a_letter_is_recorded_and_shows_what_was_sent(book: Book) -> None:
    reveal = RevealContact(ledger=book.ledger, clock=FixedClock(AT), actor="cli:uid-7")
    assert await reveal(DUE, book.told) == {1: LETTER}
    async with book.ledger.transaction() as tx:
        story = await tx.stories.tell(book.told)
    assert story is not None
    last = story.events[-1]
    assert (last["kind"], last["actor"], last["data"]) == ("contact.revealed", "cli:uid-7", {"attempts": [1]})


async def test_nothing_is_recorded_where_nothing_was_sent(book: Book) -> None:
    reveal = RevealContact(ledger=book.ledger, clock=FixedClock(AT), actor="cli:uid-7")
    assert await reveal(LATER, book.bare) == {}
    async with book.ledger.transaction() as tx:
        story = await tx.stories.tell(book.bare)
    assert story is not None
    assert story.events == []


async def test_a_rehearsal_leaves_nothing_behind(book: Book) -> None:
    async with Rehearsal(ledger=book.ledger).transaction() as tx:
        await tx.events.append(TIMES, "test", [Event(kind="contact.planned", contact_id=book.bare)])
        story = await tx.stories.tell(book.bare)
        assert story is not None
        assert len(story.events) == 1
    async with book.ledger.transaction() as tx:
        again = await tx.stories.tell(book.bare)
    assert again is not None
    assert again.events == []


def command(environment: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    program: Sequence[str] = [sys.executable, "-m", "duecourse.cli.main", *words]
    return subprocess.run(program, env=dict(environment), capture_output=True, text=True, check=False, timeout=60)


async def test_the_command_lists_and_tells_without_personal_data(book: Book, environment: dict[str, str]) -> None:
    listed = command(environment, "contacts", "list", "--borrower", "B-1", "--json")
    assert [row["contact_id"] for row in json.loads(listed.stdout)] == [book.told]
    told = command(environment, "contacts", "show", str(book.told))
    assert (told.returncode, told.stderr) == (0, "")
    assert "    allowed\n    rules: quiet-hours, consent\n    packs: base@1\n" in told.stdout
    assert "open_items=1" in told.stdout
    assert LETTER.to not in told.stdout + listed.stdout
    assert "CANARY" not in told.stdout + listed.stdout


async def test_the_command_tells_a_verdict_in_words(book: Book, environment: dict[str, str]) -> None:
    facts = {"now": "2018-05-16T14:14:00+00:00", "time_zone": "Asia/Shanghai"}
    refused = {"decision": "suppress", "rules": ["opted-out"], "packs": [], "facts": facts}
    event = Event(kind="contact.suppressed", contact_id=book.bare, data={"verdict": refused})
    async with book.ledger.transaction() as tx:
        await tx.events.append(TIMES, "worker:push", [event])
    words = "not sent: the borrower asked us to stop"
    assert f"    {words}\n" in command(environment, "contacts", "show", str(book.bare)).stdout
    [told] = json.loads(command(environment, "contacts", "show", str(book.bare), "--json").stdout)["events"]
    assert (told["words"], told["data"]["verdict"]) == (words, refused)


async def test_the_command_reveals_the_text_on_demand(book: Book, environment: dict[str, str]) -> None:
    result = command(environment, "contacts", "show", str(book.told), "--reveal", "--json")
    assert json.loads(result.stdout)["letters"]["1"]["text"] == LETTER.body.text


async def test_the_command_says_in_one_line_that_there_is_no_such_contact(environment: dict[str, str]) -> None:
    result = command(environment, "contacts", "show", "5")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "error: there is no contact 5\n")


async def test_a_store_that_is_away_is_one_line(environment: dict[str, str]) -> None:
    away = environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    result = command(away, "contacts", "list")
    assert result.returncode == 1
    assert result.stderr.startswith("error: Postgres cannot be reached")
    assert result.stderr.count("\n") == 1


async def test_a_rehearsed_plan_counts_what_the_next_plan_writes(
    book: Book, environment: dict[str, str], owner_database_url: str
) -> None:
    with psycopg.connect(owner_database_url) as conn:
        conn.execute("UPDATE borrowers SET time_zone = 'America/Chicago'")
        conn.execute(LOAN, {"day": LATER})
        conn.execute("INSERT INTO virtual_clock (business) VALUES (%s)", (datetime(2018, 5, 15, 6, tzinfo=UTC),))
    planning = environment | {"DUECOURSE_CLOCK": "virtual"}
    rehearsed = json.loads(command(planning, "plan", "--dry-run", "--json").stdout)
    assert rehearsed["total"] > 0
    assert contacts(owner_database_url) == 2
    assert json.loads(command(planning, "plan", "--json").stdout) == rehearsed | {"dry_run": False}
    assert contacts(owner_database_url) == 2 + rehearsed["total"]
    assert json.loads(command(planning, "plan", "--json").stdout)["total"] == 0


def contacts(url: str) -> int:
    with psycopg.connect(url) as conn:
        (count,) = conn.execute("SELECT count(*) FROM contacts").fetchone() or (0,)
    return int(count)
