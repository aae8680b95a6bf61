"""Encounters, agreements and stops against a real Postgres: once, by the lender's own numbers, each with its event."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import InputError
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import PostgresLedger
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import (
    AgentKind,
    Day,
    Direction,
    Medium,
    Override,
    Purpose,
    StopEvent,
    TouchOutcome,
)
from duecourse.ports.evidence import EncounterState, NewAgreement, NewEncounter, NewStop
from duecourse.usecases.record_agreement import list_agreements, record_agreement, revoke_agreement
from duecourse.usecases.record_encounter import list_encounters, record_encounter, release_encounter
from duecourse.usecases.record_stop import lift_stop, list_stops, record_stop
from tests.seed import Seeded, seed

NOW = datetime(2018, 7, 10, 13, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=3)
CLOCK = FixedClock(NOW)
EVENING = Hours(days=frozenset({Day.MON, Day.TUE}), start=20 * 60, end=23 * 60)


@pytest.fixture
async def ada(ledger: PostgresLedger) -> Seeded:
    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (NOW.date(), NOW.date()))
    return await seed(ledger)


async def rows(ledger: PostgresLedger, query: str) -> list[tuple[Any, ...]]:
    async with ledger.transaction() as tx:
        return await (await tx.conn.execute(query.encode())).fetchall()


async def events(ledger: PostgresLedger) -> list[tuple[Any, ...]]:
    return await rows(ledger, "SELECT kind, actor FROM events ORDER BY event_id")


def a_call(who: Seeded, **changes: Any) -> NewEncounter:
    plain = NewEncounter(
        reference="CALL-1",
        borrower=who.external_id,
        medium=Medium.CALL,
        agent_kind=AgentKind.AGENCY,
        agent="A17",
        agency="north",
        address="+1 212 555 0100",
        outcome=TouchOutcome.CONVERSATION,
        identity_verified=True,
        at=EARLIER,
    )
    return replace(plain, **changes)


async def record(ledger: PostgresLedger, encounter: NewEncounter) -> bool:
    """True where it was new."""
    recorded = await record_encounter(encounter, ledger=ledger, clock=CLOCK, actor="test")
    return not recorded.repeated


async def test_a_call_is_recorded_once_with_its_event(ledger: PostgresLedger, ada: Seeded) -> None:
    assert await record(ledger, a_call(ada))
    assert not await record(ledger, a_call(ada))
    (listed,) = await list_encounters(ada.external_id, limit=10, ledger=ledger)
    assert (listed.reference, listed.state, listed.outcome) == ("CALL-1", EncounterState.RECORDED, "conversation")
    assert (listed.agency, listed.agent, listed.at) == ("north", "A17", EARLIER)
    assert await events(ledger) == [("encounter.recorded", "test")]


async def test_two_accounts_of_one_call_at_once_make_one_encounter(ledger: PostgresLedger, ada: Seeded) -> None:
    new = await asyncio.gather(*(record(ledger, a_call(ada)) for _ in range(4)))
    assert sorted(new) == [False, False, False, True]
    assert len(await events(ledger)) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"outcome": TouchOutcome.UNANSWERED}, "another outcome"),
        ({"at": NOW}, "another at"),
        ({"direction": Direction.INBOUND}, "another direction"),
        ({"address": "+12125550101"}, "another address_index"),
    ],
)
async def test_another_account_under_the_same_reference_is_refused(
    ledger: PostgresLedger, ada: Seeded, changes: dict[str, Any], named: str
) -> None:
    await record(ledger, a_call(ada))
    with pytest.raises(InputError, match=named):
        await record(ledger, a_call(ada, **changes))


async def test_a_reference_of_another_borrower_is_refused(ledger: PostgresLedger, ada: Seeded) -> None:
    bob = await seed(ledger)
    await record(ledger, a_call(ada))
    with pytest.raises(InputError, match="another borrower_id"):
        await record(ledger, a_call(bob))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"borrower": "B-404"}, "borrower"),
        ({"loan": "L-404"}, "loan"),
        ({"reference": " "}, "reference"),
        ({"at": NOW + timedelta(minutes=1)}, "at: lies ahead"),
        ({"address": "12"}, "address"),
        ({"medium": Medium.VISIT}, "address: a visit has none"),
    ],
)
async def test_an_encounter_that_makes_no_sense_is_refused(
    ledger: PostgresLedger, ada: Seeded, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputError, match=field):
        await record(ledger, a_call(ada, **changes))
    assert await events(ledger) == []


async def test_the_number_is_kept_as_its_blind_index_only(ledger: PostgresLedger, vault: Vault, ada: Seeded) -> None:
    await record(ledger, a_call(ada))
    assert await rows(ledger, "SELECT address_index FROM encounters") == [(vault.index("voice", "+12125550100"),)]
    ((everything,),) = await rows(ledger, "SELECT e::text || v::text FROM encounters e, events v")
    assert "2125550100" not in everything


async def test_the_day_is_the_one_where_the_borrower_is(ledger: PostgresLedger, ada: Seeded) -> None:
    night = datetime(2018, 7, 10, 3, tzinfo=UTC)  # the evening of the 9th in New York
    await record(ledger, a_call(ada, at=night))
    assert await rows(ledger, "SELECT local_day::text FROM encounters") == [("2018-07-09",)]


async def test_what_was_heard_in_a_talk_is_on_record_as_a_stop(ledger: PostgresLedger, ada: Seeded) -> None:
    heard = (StopEvent.DISPUTE, StopEvent.REFUSAL)
    loan = f"{ada.external_id}-L0"
    await record(ledger, a_call(ada, heard=heard, loan=loan))
    await record(ledger, a_call(ada, heard=heard, loan=loan))
    found = await list_stops(ada.external_id, everything=False, limit=10, ledger=ledger, clock=CLOCK)
    assert [(s.kind, s.evidence, s.loan, s.happened_at) for s in found] == [
        ("dispute", "CALL-1", loan, EARLIER),
        ("refusal", "CALL-1", loan, EARLIER),
    ]
    assert [kind for kind, _ in await events(ledger)] == ["encounter.recorded", "stop.recorded", "stop.recorded"]


async def test_what_never_was_reserved_cannot_be_released(ledger: PostgresLedger, ada: Seeded) -> None:
    with pytest.raises(InputError, match="no such encounter"):
        await release_encounter("CALL-9", ledger=ledger, clock=CLOCK, actor="test")
    await record(ledger, a_call(ada))
    with pytest.raises(InputError, match="having happened"):
        await release_encounter("CALL-1", ledger=ledger, clock=CLOCK, actor="test")


def an_agreement(who: Seeded, **changes: Any) -> NewAgreement:
    plain = NewAgreement(
        borrower=who.external_id,
        kind=Override.DEBTOR_AGREEMENT,
        evidence="REC-7",
        text_hash=bytes(32),
        channels=frozenset({Medium.SMS, Medium.CALL}),
        purposes=frozenset({Purpose.COLLECTION_INFORMATIONAL}),
        hours=(EVENING,),
        given_at=EARLIER,
    )
    return replace(plain, **changes)


async def test_an_agreement_is_in_force_until_it_is_revoked(ledger: PostgresLedger, ada: Seeded) -> None:
    first = await record_agreement(an_agreement(ada), ledger=ledger, clock=CLOCK, actor="test")
    again = await record_agreement(an_agreement(ada), ledger=ledger, clock=CLOCK, actor="test")
    assert (again.number, first.repeated, again.repeated) == (first.number, False, True)
    (listed,) = await list_agreements(None, everything=False, limit=10, ledger=ledger, clock=CLOCK)
    assert (listed.kind, listed.channels, listed.hours) == (
        "debtor_agreement",
        ["call", "sms"],
        ["mon,tue 20:00-23:00"],
    )
    assert listed.text_hash == "00" * 32
    assert await revoke_agreement(first.number, ledger=ledger, clock=CLOCK, actor="test")
    assert not await revoke_agreement(first.number, ledger=ledger, clock=CLOCK, actor="test")
    assert await list_agreements(None, everything=False, limit=10, ledger=ledger, clock=CLOCK) == []
    (kept,) = await list_agreements(None, everything=True, limit=10, ledger=ledger, clock=CLOCK)
    assert (kept.revoked_at, kept.revoked_by) == (NOW, "test")
    assert await events(ledger) == [("agreement.recorded", "test"), ("agreement.revoked", "test")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"borrower": "B-404"}, "borrower"),
        ({"evidence": ""}, "evidence"),
        ({"given_at": NOW + timedelta(seconds=1)}, "given_at"),
        ({"expires_at": EARLIER}, "expires_at"),
    ],
)
async def test_an_agreement_that_makes_no_sense_is_refused(
    ledger: PostgresLedger, ada: Seeded, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputError, match=field):
        await record_agreement(an_agreement(ada, **changes), ledger=ledger, clock=CLOCK, actor="test")
    assert await events(ledger) == []


async def test_other_words_under_the_same_evidence_are_refused(ledger: PostgresLedger, ada: Seeded) -> None:
    await record_agreement(an_agreement(ada), ledger=ledger, clock=CLOCK, actor="test")
    with pytest.raises(InputError, match="evidence: recorded before with another content"):
        await record_agreement(an_agreement(ada, hours=()), ledger=ledger, clock=CLOCK, actor="test")


def a_stop(who: Seeded, **changes: Any) -> NewStop:
    plain = NewStop(borrower=who.external_id, kind=StopEvent.ATTORNEY, evidence="LETTER-3", happened_at=EARLIER)
    return replace(plain, **changes)


async def test_a_stop_is_in_force_until_it_is_lifted(ledger: PostgresLedger, ada: Seeded) -> None:
    first = await record_stop(a_stop(ada), ledger=ledger, clock=CLOCK, actor="test")
    assert (await record_stop(a_stop(ada), ledger=ledger, clock=CLOCK, actor="test")).repeated
    assert await lift_stop(first.number, ledger=ledger, clock=CLOCK, actor="test")
    assert not await lift_stop(first.number, ledger=ledger, clock=CLOCK, actor="test")
    assert await list_stops(None, everything=False, limit=10, ledger=ledger, clock=CLOCK) == []
    assert len(await list_stops(None, everything=True, limit=10, ledger=ledger, clock=CLOCK)) == 1
    assert await events(ledger) == [("stop.recorded", "test"), ("stop.lifted", "test")]


async def test_a_stop_that_ended_is_listed_only_on_request(ledger: PostgresLedger, ada: Seeded) -> None:
    await record_stop(a_stop(ada, ends_at=NOW + timedelta(days=1)), ledger=ledger, clock=CLOCK, actor="test")
    later = FixedClock(NOW + timedelta(days=2))
    assert await list_stops(None, everything=False, limit=10, ledger=ledger, clock=later) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"loan": "L-404"}, "loan"),
        ({"evidence": " "}, "evidence"),
        ({"happened_at": NOW + timedelta(seconds=1)}, "happened_at"),
        ({"ends_at": EARLIER}, "ends_at"),
    ],
)
async def test_a_stop_that_makes_no_sense_is_refused(
    ledger: PostgresLedger, ada: Seeded, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputError, match=field):
        await record_stop(a_stop(ada, **changes), ledger=ledger, clock=CLOCK, actor="test")
    assert await events(ledger) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE encounters SET outcome = 'unanswered'",
        "DELETE FROM encounters",
        "UPDATE agreements SET given_at = now()",
        "DELETE FROM agreements",
        "UPDATE stop_events SET kind = 'illness'",
        "DELETE FROM stop_events",
    ],
)
async def test_evidence_is_not_rewritten_by_the_application(ledger: PostgresLedger, ada: Seeded, change: str) -> None:
    await record(ledger, a_call(ada))
    await record_agreement(an_agreement(ada), ledger=ledger, clock=CLOCK, actor="test")
    await record_stop(a_stop(ada), ledger=ledger, clock=CLOCK, actor="test")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await rows(ledger, change)


@pytest.mark.parametrize("table", ["encounters", "agreements", "stop_events"])
async def test_not_even_the_owner_of_the_schema_deletes_evidence(
    ledger: PostgresLedger, owner_database_url: str, ada: Seeded, table: str
) -> None:
    await record(ledger, a_call(ada))
    await record_agreement(an_agreement(ada), ledger=ledger, clock=CLOCK, actor="test")
    await record_stop(a_stop(ada), ledger=ledger, clock=CLOCK, actor="test")
    async with await psycopg.AsyncConnection.connect(owner_database_url) as owner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not rewritten"):
            await owner.execute(f"DELETE FROM {table}".encode())
