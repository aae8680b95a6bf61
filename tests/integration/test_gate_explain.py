"""Somebody can ask what the gate would say to a borrower's contact, and nothing of the asking stays."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import InputError
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind, Consent, Decision
from duecourse.ledger.asking import Asked, facts_of, facts_of_question
from duecourse.ledger.database import PostgresLedger
from duecourse.policy.facts import ContactFacts
from duecourse.policy.packs.vocabulary import Medium, Purpose
from duecourse.policy.terms import Terms
from duecourse.ports.evidence import Question
from duecourse.usecases.ask_gate import AskGate
from tests.seed import Person, Seeded, seed

NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2018, 7, 10, 12, tzinfo=NEW_YORK)
LEASE = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
async def borrower(ledger: PostgresLedger) -> Seeded:
    return await seed(ledger, Person(due_on=(date(2018, 7, 10), date(2018, 9, 10))))


def asked(borrower: Seeded, **changed: object) -> Asked:
    plain = Asked(borrower=borrower.external_id, channel=ChannelKind.SMS, at=NOON)
    return replace(plain, **changed)  # type: ignore[arg-type]


def explain(environment: Mapping[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-m", "duecourse.cli.main", "gate", "explain", *options]
    return subprocess.run(program, env=dict(environment), capture_output=True, text=True, check=False, timeout=60)


def rows(url: str, *tables: str) -> dict[str, int]:
    with psycopg.connect(url) as conn:
        counts = {name: conn.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() for name in tables}
    return {name: found[0] for name, found in counts.items() if found}


async def test_the_facts_are_those_that_a_claim_would_read(ledger: PostgresLedger, borrower: Seeded) -> None:
    known = await facts_of(ledger, asked(borrower), LEASE)
    facts = known.facts
    assert (known.due_on, known.at) == (date(2018, 7, 10), NOON)
    assert (facts.borrower_id, facts.channel, facts.time_zone) == (borrower.borrower_id, "sms", "America/New_York")
    assert (facts.consent, facts.open_items, facts.opted_out) == (Consent.GRANTED, 1, False)
    assert facts.not_after == NOON + timedelta(days=14)


async def test_what_is_due_nearest_is_meant_unless_a_day_is_named(ledger: PostgresLedger, borrower: Seeded) -> None:
    august = NOON + timedelta(days=40)
    assert (await facts_of(ledger, asked(borrower, at=august), LEASE)).due_on == date(2018, 9, 10)
    named = await facts_of(ledger, asked(borrower, at=august, due_on=date(2018, 7, 10)), LEASE)
    assert (named.due_on, named.facts.open_items) == (date(2018, 7, 10), 1)
    paid = await facts_of(ledger, asked(borrower, due_on=date(2018, 8, 1)), LEASE)
    assert paid.facts.open_items == 0


async def test_a_time_without_an_offset_is_the_borrowers(ledger: PostgresLedger, borrower: Seeded) -> None:
    naive = datetime(2018, 7, 10, 22, 14)  # noqa: DTZ001 - as somebody types it
    assert (await facts_of(ledger, asked(borrower, at=naive), LEASE)).at == naive.replace(tzinfo=NEW_YORK)
    nowhere = await seed(ledger, Person(time_zone=None))
    with pytest.raises(InputError, match="give the time with its offset"):
        await facts_of(ledger, asked(nowhere, at=naive), LEASE)


async def test_nothing_of_the_asking_stays(ledger: PostgresLedger, borrower: Seeded, owner_database_url: str) -> None:
    tables = ("contacts", "attempts", "events", "encounters")
    before = rows(owner_database_url, *tables)
    await facts_of(ledger, asked(borrower), LEASE)
    assert rows(owner_database_url, *tables) == before


@pytest.fixture
def of_the_us(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An operator of one country's packs."""
    folder = tmp_path / "config"
    shutil.copytree(environment["DUECOURSE_CONFIG_DIR"], folder)
    main = folder / "duecourse.toml"
    text, changed = re.subn(r"(?s)\npacks = \[.*?\]", '\npacks = ["us-federal"]', main.read_text("utf-8"))
    assert changed == 1
    main.write_text(text, "utf-8")
    return environment | {"DUECOURSE_CONFIG_DIR": str(folder)}


async def test_the_command_says_why_in_words_with_its_sources(borrower: Seeded, of_the_us: dict[str, str]) -> None:
    whom = ("--borrower", borrower.external_id, "--channel", "sms", "--at")
    done = explain(of_the_us, *whom, "2018-07-10T22:14")
    assert (done.returncode, done.stderr) == (0, "")
    words = "not sent: Tue 22:14 in America/New_York is outside Mon-Fri 09:00-19:00, House rule"
    assert done.stdout.startswith(words)
    told = json.loads(explain(of_the_us, *whom, "2018-07-10T22:14", "--json").stdout)
    verdict = told["verdict"]
    assert (verdict["decision"], verdict["rules"], told["due_on"]) == ("defer", ["quiet-hours"], "2018-07-10")
    assert datetime.fromisoformat(verdict["until"]) == datetime(2018, 7, 11, 9, tzinfo=NEW_YORK)
    assert told["words"].startswith(words)
    assert "+1212" not in done.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--borrower", "nobody", "--channel", "sms"), "error: there is no borrower nobody\n"),
        (("--borrower", "x", "--channel", "sms", "--at", "noon"), "error: --at: must be a date and time like"),
    ],
)
def test_the_command_refuses_in_one_line(environment: dict[str, str], options: tuple[str, ...], complaint: str) -> None:
    done = explain(environment, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(complaint)


@pytest.fixture
def terms() -> Terms:
    return Terms()


def a_visit(borrower: Seeded, **changed: object) -> Question:
    plain = Question(reference="explain", borrower=borrower.external_id, medium=Medium.VISIT, at=NOON)
    return replace(plain, **changed)  # type: ignore[arg-type]


async def test_what_is_explained_of_a_visit_is_what_asking_would_judge(
    ledger: PostgresLedger, borrower: Seeded, terms: Terms
) -> None:
    asked_of: list[ContactFacts] = []

    def judge(facts: ContactFacts, _: datetime) -> Verdict:
        asked_of.append(facts)
        return Verdict(decision=Decision.SUPPRESS, rules=("r",))

    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (NOON.date(), NOON.date()))
    question = a_visit(borrower, staff=2, purpose=Purpose.LEGAL_NOTICE)
    known = await facts_of_question(ledger, question, LEASE, terms)
    ask = AskGate(ledger=ledger, clock=FixedClock(NOON), gate=judge, terms=terms, actor="test")
    await ask(question)
    assert [known.facts] == asked_of
    assert (known.facts.staff, known.facts.purpose, known.at) == (2, Purpose.LEGAL_NOTICE, NOON)


async def test_nothing_is_reserved_by_explaining(
    ledger: PostgresLedger, borrower: Seeded, terms: Terms, owner_database_url: str
) -> None:
    await facts_of_question(ledger, a_visit(borrower), LEASE, terms)
    assert rows(owner_database_url, "encounters", "events") == {"encounters": 0, "events": 0}


async def test_the_command_tells_what_a_person_may_and_until_when_not(
    borrower: Seeded, of_the_us: dict[str, str], owner_database_url: str
) -> None:
    whom = ("--borrower", borrower.external_id, "--channel", "letter", "--at", "2018-07-10T12:00")
    assert json.loads(explain(of_the_us, *whom, "--json").stdout)["due_on"] is None
    call = ("--borrower", borrower.external_id, "--channel", "call", "--at", "2018-07-10T22:14")
    done = explain(of_the_us, *call)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("not sent: ")
    assert "next allowed: Wednesday 11 July 2018, 09:00 in America/New_York\n" in done.stdout
    refused = explain(of_the_us, *call, "--due-on", "2018-07-10")
    assert (refused.returncode, refused.stderr) == (1, "error: --due-on: a call is about all that is open\n")
    assert rows(owner_database_url, "encounters") == {"encounters": 0}
