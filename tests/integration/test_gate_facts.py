"""What the claim tells the gate: read under the borrower's lock, kept with the verdict, and never rewritten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duecourse.domain.clock import Times
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import open_ledger
from duecourse.ledger.history import REQUESTS, span_of
from duecourse.ledger.statements import Ids
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import StopEffect
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.vocabulary import Medium, Override, StopEvent, TouchOutcome
from duecourse.policy.record import facts_from_record
from duecourse.ports.evidence import NewAgreement, NewEncounter, NewStop
from duecourse.usecases.record_agreement import record_agreement, revoke_agreement
from duecourse.usecases.record_encounter import record_encounter
from duecourse.usecases.record_stop import lift_stop, record_stop
from tests.gate_rules import open_hours, pack, rule, window
from tests.pipeline import MORNING, World, rung
from tests.seed import Person, Seeded, seed

#: Eleven in New York; MORNING is nine there and six in Los Angeles.
EIGHT_IN_LOS_ANGELES = datetime(2018, 7, 10, 15, tzinfo=UTC)
ATTORNEY = p.StopTrigger(event=StopEvent.ATTORNEY, effect=StopEffect.STOP_ALL)


@pytest.fixture
async def law(world: World) -> World:
    """Open from eight to nine in the evening, and nothing to whoever has an attorney."""
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
    return replace(world, packs=PackSet((pack(window(8, 21), ATTORNEY),)), rungs=(rung(stop=frozenset()),))


async def verdicts(world: World) -> list[dict[str, Any]]:
    rows = await world.rows("SELECT data->'verdict' FROM events WHERE data ? 'verdict' ORDER BY event_id")
    return [verdict for (verdict,) in rows]


async def last_facts(world: World) -> dict[str, Any]:
    facts = (await verdicts(world))[-1]["facts"]
    assert isinstance(facts, dict)
    return facts


async def say(world: World, who: Seeded, **columns: str | None) -> None:
    """Change what the book says of a borrower."""
    async with world.ledger.transaction() as tx:
        for column, value in columns.items():
            query = f"UPDATE borrowers SET {column} = %s WHERE borrower_id = %s"
            await tx.conn.execute(query.encode(), (value, who.borrower_id))


async def test_what_is_told_of_a_plain_contact(law: World) -> None:
    ada = await seed(law.ledger)
    await say(law, ada, region="NY", place_country="BR", place_region="São Paulo")
    await law.deliver()
    facts = await last_facts(law)
    assert facts["purpose"] == "pre_due_reminder"
    assert (facts["dpd"], facts["amount_minor"], facts["debts"]) == (0, 10_000, ada.loan_ids)
    assert (facts["residence"], facts["present"]) == (["US", "NY"], ["BR", None])
    assert "history" not in facts
    assert "number" not in facts


async def test_of_an_older_debt_a_contact_is_collection(law: World) -> None:
    await seed(law.ledger, Person(due_on=(MORNING.date() - timedelta(days=20), MORNING.date())))
    await law.deliver()
    facts = await last_facts(law)
    assert facts["dpd"] == 20
    assert facts.get("purpose", "collection_informational") == "collection_informational"


async def test_a_loan_collected_for_somebody_else_brings_their_rules(law: World) -> None:
    ada = await seed(law.ledger, Person(loans=2))
    async with law.ledger.transaction() as tx:
        await tx.conn.execute("UPDATE loans SET actor_role = 'assignee' WHERE loan_id = %s", (ada.loan_ids[1],))
    await law.deliver()
    facts = await last_facts(law)
    assert (facts["actor_role"], facts["product"]) == ("assignee", "instalment")


@pytest.mark.parametrize(
    ("evidence", "others"),
    [
        ('{"sms": ["America/Los_Angeles"]}', ["America/Los_Angeles"]),
        ('{"stated": ["America/Los_Angeles"], "sms": ["America/New_York"]}', ["America/Los_Angeles"]),
        ('{"device": ["Europe/London"], "voice": ["America/Los_Angeles"]}', ["Europe/London", "America/Los_Angeles"]),
    ],
)
async def test_it_waits_for_the_hour_in_every_zone_that_anything_points_to(
    law: World, evidence: str, others: list[str]
) -> None:
    ada = await seed(law.ledger)
    await say(law, ada, zone_evidence=evidence)
    await law.deliver()
    (verdict,) = await verdicts(law)
    assert (verdict["decision"], verdict["until"]) == ("defer", EIGHT_IN_LOS_ANGELES.isoformat())
    assert verdict["facts"]["candidate_zones"] == others


async def test_a_prefix_of_a_wide_country_adds_nothing_to_an_address_in_it(law: World) -> None:
    ada = await seed(law.ledger)
    await say(law, ada, zone_evidence='{"sms": ["America/Los_Angeles", "America/New_York"]}')
    await law.deliver()
    assert await law.states() == ["accepted"]
    assert "candidate_zones" not in await last_facts(law)


async def test_where_only_the_prefix_is_known_all_of_its_zones_decide(law: World) -> None:
    ada = await seed(law.ledger)
    await law.plan()
    await say(law, ada, time_zone=None, zone_evidence='{"sms": ["America/Los_Angeles", "America/New_York"]}')
    await law.worker()(await law.release())
    (verdict,) = await verdicts(law)
    assert (verdict["decision"], verdict["until"]) == ("defer", EIGHT_IN_LOS_ANGELES.isoformat())


async def test_a_stop_recorded_before_the_claim_stops_the_send(law: World) -> None:
    ada = await seed(law.ledger)
    await law.plan()
    ids = await law.release()
    stop = NewStop(borrower=ada.external_id, kind=StopEvent.ATTORNEY, evidence="LETTER-1")
    await record_stop(stop, ledger=law.ledger, clock=law.clock, actor="test")
    await law.worker()(ids)
    assert (await law.states(), law.channel.sent) == (["suppressed"], [])
    (verdict,) = await verdicts(law)
    assert (verdict["rules"], verdict["facts"]["stops"][0][0]) == (["r1"], "attorney")


async def test_a_stop_that_was_lifted_stops_nothing(law: World) -> None:
    ada = await seed(law.ledger)
    stop = NewStop(borrower=ada.external_id, kind=StopEvent.ATTORNEY, evidence="LETTER-1")
    recorded = await record_stop(stop, ledger=law.ledger, clock=law.clock, actor="test")
    assert await lift_stop(recorded.number, ledger=law.ledger, clock=law.clock, actor="test")
    law.later(minutes=1)
    await law.deliver()
    assert await law.states() == ["accepted"]


async def test_agreed_hours_open_a_window_until_they_are_revoked(law: World) -> None:
    late = rule(p.ContactWindow(allow=(open_hours(10, 21),)), overrides=frozenset({Override.DEBTOR_AGREEMENT}))
    law = replace(law, packs=PackSet((pack(late),)))
    ada, bob = await seed(law.ledger), await seed(law.ledger)
    for who in (ada, bob):
        agreement = NewAgreement(
            borrower=who.external_id,
            kind=Override.DEBTOR_AGREEMENT,
            evidence=f"REC-{who.external_id}",
            channels=frozenset({Medium.SMS}),
            hours=(open_hours(8, 10),),
        )
        recorded = await record_agreement(agreement, ledger=law.ledger, clock=law.clock, actor="test")
    assert await revoke_agreement(recorded.number, ledger=law.ledger, clock=law.clock, actor="test")
    law.later(seconds=1)
    await law.deliver()
    sent = await law.rows("SELECT borrower_id FROM contacts WHERE state = 'accepted'")
    assert sent == [(ada.borrower_id,)]
    allowed = next(verdict for verdict in await verdicts(law) if verdict["decision"] == "allow")
    assert allowed["evidence"] == [f"REC-{ada.external_id}"]


async def test_a_talk_that_somebody_had_today_silences_a_rung_that_asks_for_it(law: World) -> None:
    law = replace(law, rungs=(rung(),))
    ada = await seed(law.ledger)
    talk = NewEncounter(
        reference="C-1", borrower=ada.external_id, medium=Medium.CALL, outcome=TouchOutcome.CONVERSATION
    )
    await record_encounter(talk, ledger=law.ledger, clock=law.clock, actor="test")
    await law.deliver()
    facts = await last_facts(law)
    assert facts["reached_today"] is True
    assert facts["history"][0][1:3] == ["call", "conversation"]
    assert facts["first_contact"] is False


async def test_a_verdict_keeps_facts_that_judge_it_again(law: World) -> None:
    ada = await seed(law.ledger)
    await say(law, ada, zone_evidence='{"sms": ["America/Los_Angeles"]}')
    await law.deliver()
    (verdict,) = await verdicts(law)
    facts = facts_from_record(verdict["facts"], contact_id=1, borrower_id=ada.borrower_id)
    assert facts.candidate_zones == ("America/Los_Angeles",)
    assert (facts.dpd, facts.debts) == (0, tuple(ada.loan_ids))


async def test_another_version_of_a_pack_rewrites_no_verdict(law: World) -> None:
    await seed(law.ledger)
    tight, loose = PackSet((pack(window(1, 2)),)), PackSet((pack(window(8, 21), version="2"),))
    await replace(law, packs=tight).deliver()
    before = await verdicts(law)
    await seed(law.ledger)
    await replace(law, packs=loose).deliver()
    after = await verdicts(law)
    assert after[: len(before)] == before
    assert [(v["packs"], v["decision"]) for v in after] == [(["us@1"], "suppress"), (["us@2"], "allow")]


async def test_reading_the_past_scans_no_table(law: World, database_url: str, vault: Vault) -> None:
    people = [(await seed(law.ledger)).borrower_id for _ in range(3)]
    await law.deliver()
    span = span_of(Ids(people), Times(business=MORNING, lease=MORNING), days=32)
    async with open_ledger(database_url, vault, by_key=True) as workers, workers.transaction() as tx:
        for query in REQUESTS:
            cursor = await tx.conn.execute(b"EXPLAIN " + query.encode(), span)
            assert [line for (line,) in await cursor.fetchall() if "Seq Scan" in line] == []
