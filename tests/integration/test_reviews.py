"""A contact that the gate leaves to a person waits, is decided once, and is bound by everything else at the claim."""

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from duecourse.cli.findings import Health
from duecourse.cli.open_work import of_people
from duecourse.domain.book import Payment
from duecourse.domain.errors import InputError
from duecourse.domain.hold import NewHold
from duecourse.domain.money import Money
from duecourse.domain.review import Decided, NewDecision, Review, ReviewDecision
from duecourse.domain.vocabulary import ChannelKind, Component, Decision
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import open_ledger
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import OnFail
from duecourse.policy.packs.vocabulary import Medium, TouchOutcome
from duecourse.ports.evidence import NewEncounter
from duecourse.settings import Settings
from duecourse.settings.packs import load_pack_set
from duecourse.usecases.opt_out import opt_out
from duecourse.usecases.place_hold import place_hold
from duecourse.usecases.record_encounter import record_encounter
from duecourse.usecases.record_payment import record_payment
from duecourse.usecases.review_contacts import decide_review, find_review, list_reviews
from tests.gate_rules import pack, rule, window
from tests.pipeline import MORNING, World, rung
from tests.seed import Seeded, seed

ALLOW, REFUSE, AGAIN = ReviewDecision
#: One touch a day, and who wants a second must ask a person; nothing before eight or after nine.
DAILY = p.FrequencyCap(
    unit=CapUnit.ATTEMPT, max=1, window=p.CapWindow(kind=WindowKind.CALENDAR_DAY), scope=CapScope.DEBTOR
)
LAW = PackSet((pack(rule(DAILY, "us.second", on_fail=OnFail.REVIEW), rule(window(8, 21), "us.hours")),))
#: Neither forbids every hour, both together do.
AT_ODDS = PackSet((pack(rule(window(8, 9), "early"), rule(window(11, 12), "late")),))

_calls = itertools.count(1)


@pytest.fixture
async def ada(world: World) -> Seeded:
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
    return await seed(world.ledger)


@pytest.fixture
async def law(world: World, ada: Seeded) -> World:
    """Ada was called this morning, so that her reminder needs a person."""
    await call(world, ada)
    return replace(world, packs=LAW, rungs=(rung(stop=frozenset()),))


async def call(world: World, who: Seeded, at: datetime = MORNING) -> None:
    touch = NewEncounter(
        reference=f"C-{next(_calls)}",
        borrower=who.external_id,
        medium=Medium.CALL,
        outcome=TouchOutcome.UNANSWERED,
        at=at,
    )
    await record_encounter(touch, ledger=world.ledger, clock=world.clock, actor="test")


async def waiting(world: World) -> list[Review]:
    return list(await list_reviews(None, limit=10, ledger=world.ledger, clock=world.clock))


async def the_one(world: World) -> Review:
    (review,) = await waiting(world)
    return review


async def decide(world: World, review: Review, decision: ReviewDecision, **said: str) -> Decided:
    new = NewDecision(**{"decision": decision, "by": "S-7", "reason": "asked for it"} | said)  # type: ignore[arg-type]
    return await decide_review(
        review.review_id, new, packs=world.packs.packs, ledger=world.ledger, clock=world.clock, actor="test"
    )


async def kinds(world: World) -> list[str]:
    rows = await world.rows("SELECT kind FROM events WHERE contact_id IS NOT NULL ORDER BY event_id")
    return [kind for (kind,) in rows]


async def go_on(world: World) -> None:
    await world.worker()(await world.release())


async def test_what_is_left_to_a_person_waits_on_the_list_and_is_not_released(law: World, ada: Seeded) -> None:
    await law.deliver()
    review = await the_one(law)
    assert (review.borrower, review.channel, review.rung) == (ada.external_id, ChannelKind.SMS, "T0-morning")
    assert (review.rules, review.asked_at, review.not_after) == (("us.second",), MORNING, MORNING + timedelta(hours=3))
    assert [one["source"] for one in review.verdict["citations"]] == ["The Act"]
    assert review.verdict["decision"] == Decision.REVIEW
    assert await law.release() == []
    assert await kinds(law) == ["contact.planned", "contact.released", "contact.review"]
    assert (await law.states(), law.channel.sent) == (["planned"], [])


async def test_it_is_asked_of_a_person_and_not_of_the_next_channel(law: World) -> None:
    nobody_asked = p.ConsentNeeded(basis=frozenset(), reverify=None)
    packs = PackSet((pack(rule(nobody_asked, "us.basis", on_fail=OnFail.REVIEW)),))
    await replace(law, packs=packs).deliver()
    assert (await the_one(law)).rules == ("us.basis",)
    assert await law.states() == ["planned"]


async def test_an_allowed_contact_goes_through_the_gate_again_and_is_sent_once(law: World) -> None:
    await law.deliver()
    review = await the_one(law)
    assert (await decide(law, review, ALLOW)).lifts == ("us.second",)
    assert await waiting(law) == []
    await go_on(law)
    await go_on(law)
    assert (await law.states(), len(law.channel.sent)) == (["accepted"], 1)
    [(decided, actor)] = await law.rows("SELECT data, actor FROM events WHERE kind = 'review.decided'")
    assert decided == {
        "review_id": review.review_id,
        "rules": ["us.second"],
        "decision": "allow",
        "lifts": ["us.second"],
        "by": "S-7",
        "reason": "asked for it",
    }
    assert actor == "test"
    [(verdict,)] = await law.rows("SELECT data->'verdict' FROM events WHERE kind = 'contact.sending'")
    assert (verdict["decision"], verdict["evidence"]) == ("allow", [f"review:{review.review_id}"])


async def test_what_was_allowed_of_one_contact_says_nothing_of_the_next(law: World) -> None:
    later = rung(name="T0-noon", at=rung().at.replace(hour=10), stop=frozenset())
    two = replace(law, rungs=(*law.rungs, later))
    await two.deliver()
    await decide(two, await the_one(two), ALLOW)
    law.later(hours=1)
    await go_on(two)
    assert len(law.channel.sent) == 1
    assert (await the_one(two)).rung == "T0-noon"


async def test_a_refused_contact_is_over(law: World) -> None:
    await law.deliver()
    await decide(law, await the_one(law), REFUSE)
    assert (await waiting(law), await law.release()) == ([], [])
    assert await law.rows("SELECT state, reason FROM contacts") == [("suppressed", "review-refused")]
    assert (await kinds(law))[-2:] == ["review.decided", "contact.suppressed"]


@pytest.mark.parametrize("decision", [ALLOW, REFUSE, AGAIN])
async def test_the_same_decision_again_changes_nothing_and_another_is_refused(
    law: World, decision: ReviewDecision
) -> None:
    await law.deliver()
    review = await the_one(law)
    first = await decide(law, review, decision)
    before = await kinds(law)
    again = await decide(law, review, decision, by="S-8")
    assert (first.repeated, again.repeated, again.lifts) == (False, True, first.lifts)
    other = next(one for one in ReviewDecision if one is not decision)
    with pytest.raises(InputError, match=f"was decided before: {decision} by S-7"):
        await decide(law, review, other)
    assert await kinds(law) == before


async def test_two_people_at_once_decide_once(law: World, database_url: str, vault: Vault) -> None:
    await law.deliver()
    review = await the_one(law)
    async with open_ledger(database_url, vault) as elsewhere:
        there = replace(law, ledger=elsewhere)
        said = await asyncio.gather(
            *(decide(where, review, one) for where in (law, there) for one in (ALLOW, REFUSE, ALLOW, REFUSE)),
            return_exceptions=True,
        )
    done = [one for one in said if isinstance(one, Decided)]
    assert sum(not one.repeated for one in done) == 1
    assert len(done) == 4
    assert all(isinstance(one, Decided | InputError) for one in said)
    assert (await kinds(law)).count("review.decided") == 1


async def test_processes_that_decide_at_once_decide_once(law: World, environment: dict[str, str]) -> None:
    await law.deliver()
    review = await the_one(law)
    async with law.ledger.transaction() as tx:
        await tx.conn.execute("INSERT INTO virtual_clock (business) VALUES (%s)", (MORNING,))
    words = ("reviews", "decide", str(review.review_id), "--by", "S-7", "--reason", "asked")
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "duecourse.cli.main", *words, decision),
            env=environment | {"DUECOURSE_CLOCK": "virtual"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for decision in ("--refuse", "--again", "--refuse", "--again")
    ]
    told = [(await one.communicate())[0].decode() for one in started]
    assert sorted(str(one.returncode) for one in started) == ["0", "0", "1", "1"]
    assert sum("had been decided before" in said for said in told) == 1
    assert (await kinds(law)).count("review.decided") == 1


async def test_a_contact_that_is_asked_about_twice_stands_on_the_list_once(law: World) -> None:
    await law.deliver()
    await law.rows("UPDATE contacts SET not_before = scheduled_at RETURNING contact_id")
    await go_on(law)
    assert (await the_one(law)).rules == ("us.second",)
    assert (await kinds(law)).count("contact.review") == 2
    assert law.channel.sent == []


async def test_by_the_shipped_packs_more_than_seven_tries_in_a_week_are_for_a_person(
    law: World, ada: Seeded, settings: Settings
) -> None:
    house = replace(settings.policy, packs=("us-federal",))
    shipped = replace(law, packs=load_pack_set(settings.config_dir, house, settings.quiet))
    for day in range(1, 7):
        await call(law, ada, at=MORNING - timedelta(days=day))
    await shipped.deliver()
    review = await the_one(shipped)
    assert review.rules == ("house.attempts.excessive",)
    await decide(shipped, review, ALLOW)
    await go_on(shipped)
    last = "SELECT data->'verdict' FROM events WHERE data ? 'verdict' ORDER BY event_id DESC LIMIT 1"
    [(verdict,)] = await law.rows(last)
    # Nobody allowed a text that tells no way to refuse.
    assert (verdict["decision"], verdict["rules"]) == ("suppress", ["house.refusal"])


async def opts_out(world: World, who: Seeded) -> None:
    await opt_out(who.external_id, None, source="letter", ledger=world.ledger, clock=world.clock, actor="test")


async def withdraws_consent(world: World, _: Seeded) -> None:
    async with world.ledger.transaction() as tx:
        await tx.conn.execute("UPDATE contact_points SET consent = 'withdrawn'")


async def is_in_hardship(world: World, who: Seeded) -> None:
    hold = NewHold(borrower=who.external_id, reason="hardship", placed_by="test")
    await place_hold(hold, ledger=world.ledger, clock=world.clock)


@pytest.mark.parametrize(
    ("happens", "rule_id"),
    [(opts_out, "opted-out"), (withdraws_consent, "no-consent"), (is_in_hardship, "hold")],
)
@pytest.mark.parametrize("released", [False, True])
async def test_what_happens_after_the_decision_still_stops_it(
    law: World, ada: Seeded, happens: Callable[[World, Seeded], Awaitable[None]], rule_id: str, *, released: bool
) -> None:
    await law.deliver()
    await decide(law, await the_one(law), ALLOW)
    ids = await law.release() if released else []
    await happens(law, ada)
    await law.worker()(ids or await law.release())
    assert law.channel.sent == []
    assert (await law.rows("SELECT state, reason FROM contacts WHERE step = 1")) == [("suppressed", rule_id)]


async def test_an_opt_out_that_no_worker_heard_of_is_seen_by_the_claim(law: World, ada: Seeded) -> None:
    await law.deliver()
    await decide(law, await the_one(law), ALLOW)
    ids = await law.release()
    async with law.ledger.transaction() as tx:
        query = "INSERT INTO opt_outs (borrower_id, channel, scope, source, at) VALUES (%s, 'sms', 'channel', 'x', %s)"
        await tx.conn.execute(query, (ada.borrower_id, MORNING))
    await law.worker()(ids)
    assert law.channel.sent == []
    [(verdict,)] = await law.rows("SELECT data->'verdict' FROM events WHERE kind = 'contact.suppressed'")
    assert verdict["rules"] == ["opted-out"]


async def test_an_allowed_contact_is_still_kept_to_the_hours(law: World) -> None:
    late = replace(law, rungs=(rung(stop=frozenset(), not_after=rung().not_after.replace(hour=23)),))
    await late.deliver()
    law.later(hours=13)
    await decide(law, await the_one(law), ALLOW)
    await go_on(late)
    [(verdict,)] = await law.rows("SELECT data->'verdict' FROM events WHERE data->'verdict' ? 'evidence'")
    assert (verdict["decision"], verdict["rules"]) == ("suppress", ["us.hours"])


async def test_a_person_cannot_allow_what_two_laws_forbid_but_may_ask_again(law: World) -> None:
    torn = replace(law, packs=AT_ODDS)
    law.later(hours=1)
    await torn.deliver()
    review = await the_one(torn)
    assert set(review.rules) == {"early", "late"}
    with pytest.raises(InputError, match="no person may allow what early, late forbid"):
        await decide(torn, review, ALLOW)
    assert await the_one(torn) == review
    await decide(torn, review, AGAIN)
    await go_on(torn)
    second = await the_one(torn)
    assert (second.review_id > review.review_id, second.contact_id) == (True, review.contact_id)
    await decide(torn, second, AGAIN)
    await go_on(replace(law, packs=PackSet((pack(window(8, 21)),))))
    assert await law.states() == ["accepted"]


async def expires(world: World, _: Seeded) -> None:
    world.later(hours=3)
    await world.sweep()


async def lapses(world: World, _: Seeded) -> None:
    world.later(hours=3)


async def is_paid(world: World, who: Seeded) -> None:
    paid = Payment(
        external_id="P-1",
        loan_external_id=f"{who.external_id}-L0",
        amount=Money(minor=10_000, currency="USD"),
        paid_at=MORNING,
    )
    await record_payment(paid, ledger=world.ledger, clock=world.clock, order=tuple(Component), actor="test")


@pytest.mark.parametrize(
    ("happens", "told"),
    [(expires, "expired"), (lapses, "past its not-after"), (is_paid, "cancelled"), (opts_out, "suppressed")],
)
async def test_what_is_over_is_not_listed_and_cannot_be_decided(
    law: World, ada: Seeded, happens: Callable[[World, Seeded], Awaitable[None]], told: str
) -> None:
    await law.deliver()
    review = await the_one(law)
    await happens(law, ada)
    assert await waiting(law) == []
    shown = await find_review(review.review_id, ledger=law.ledger, clock=law.clock)
    assert (shown.waits, shown.decision) == (False, None)
    with pytest.raises(InputError, match=f"its contact is {told}"):
        await decide(law, review, ALLOW)
    assert "review.decided" not in await kinds(law)


async def test_the_doctor_tells_that_somebody_is_waited_for(law: World, settings: Settings) -> None:
    await law.deliver()
    async with law.ledger.transaction() as tx:
        await tx.conn.execute("INSERT INTO virtual_clock (business) VALUES (%s)", (MORNING,))
    then = replace(settings, virtual_clock=True)
    asked = next(one for one in await of_people(then) if one.check == "people.reviews")
    assert (asked.health, asked.do) == (Health.WARN, "decide them: `duecourse reviews list`")
    assert asked.found == "1 contacts wait for a decision, the first until 2018-07-10 16:00:00Z"
    await decide(law, await the_one(law), REFUSE)
    assert {one.health for one in await of_people(then)} == {Health.OK}


async def test_there_is_no_such_review(law: World) -> None:
    with pytest.raises(InputError, match="review 4711: there is none"):
        await find_review(4711, ledger=law.ledger, clock=law.clock)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reviews SET reason = 'another'",
        "UPDATE reviews SET decision = 'refuse', lifts = '{}'",
        "UPDATE reviews SET rules = '{x}'",
        "DELETE FROM reviews",
    ],
)
async def test_a_decision_is_not_rewritten(law: World, change: str) -> None:
    await law.deliver()
    await decide(law, await the_one(law), ALLOW)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await law.rows(change)


async def test_nobody_lifts_a_rule_that_did_not_ask(law: World) -> None:
    await law.deliver()
    with pytest.raises(psycopg.errors.CheckViolation):
        await law.rows(
            "UPDATE reviews SET decision = 'allow', lifts = '{us.hours}', decided_by = 'x', reason = 'x',"
            " decided_at = asked_at"
        )
