"""A call that a rule leaves to people is made only if somebody else allowed it, and never against what forbids."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from duecourse.domain.errors import InputError
from duecourse.domain.review import NewDecision, ReviewDecision
from duecourse.policy.gate import decide
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import OnFail
from duecourse.policy.packs.vocabulary import Medium
from duecourse.policy.replay import Again, Archive, Kept
from duecourse.policy.terms import Terms
from duecourse.ports.evidence import Answer, Question
from duecourse.usecases.ask_gate import AskGate
from tests.gate_rules import pack, rule, window
from tests.pipeline import MORNING, World
from tests.seed import Seeded, seed
from tests.terminal import Terminal

APPROVED = NewDecision(decision=ReviewDecision.ALLOW, by="S-7", reason="the borrower rang back")
DAILY = p.FrequencyCap(
    unit=CapUnit.ATTEMPT, max=1, window=p.CapWindow(kind=WindowKind.CALENDAR_DAY), scope=CapScope.DEBTOR
)
LAW = pack(rule(DAILY, "us.second", on_fail=OnFail.REVIEW), rule(window(8, 21), "us.hours"))


@pytest.fixture
async def ada(world: World) -> Seeded:
    """A first visit today was asked for and allowed."""
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
    who = await seed(world.ledger)
    assert (await ask(world, who, reference="Q-1")).reserved
    return who


async def ask(world: World, who: Seeded, **changed: Any) -> Answer:
    question = Question(reference="Q-2", borrower=who.external_id, medium=Medium.VISIT)
    gate = partial(decide, packs=PackSet((LAW,)))
    asking = AskGate(ledger=world.ledger, clock=world.clock, gate=gate, terms=Terms(), actor="test")
    return await asking(replace(question, **changed))


async def test_a_second_visit_is_for_a_person_and_is_reserved_if_one_allowed_it(world: World, ada: Seeded) -> None:
    alone = await ask(world, ada)
    assert (alone.reserved, alone.verdict["decision"], alone.verdict["rules"]) == (False, "review", ["us.second"])
    allowed = await ask(world, ada, agent="A-1", approved=APPROVED)
    assert (allowed.reserved, allowed.verdict["evidence"]) == (True, ["review:Q-2"])
    [(approved, verdict)] = await world.rows(
        "SELECT data->'approved', data->'verdict' FROM events WHERE kind = 'encounter.reserved' AND data ? 'approved'"
    )
    assert approved == {"by": "S-7", "reason": "the borrower rang back"}
    kept = Kept(event_id=1, at=MORNING, contact_id=0, borrower_id=ada.borrower_id, record=verdict)
    assert Archive((LAW,)).replay(kept).again is Again.SAME


async def test_nobody_allows_the_night(world: World, ada: Seeded) -> None:
    night = MORNING + timedelta(hours=13)
    answer = await ask(world, ada, at=night, approved=APPROVED)
    assert (answer.reserved, answer.verdict["decision"], answer.verdict["rules"]) == (False, "defer", ["us.hours"])


async def test_who_calls_does_not_approve_it(world: World, ada: Seeded) -> None:
    with pytest.raises(InputError, match="approved_by: must be somebody else"):
        await ask(world, ada, agent="S-7", approved=APPROVED)


async def test_an_approval_that_was_not_needed_is_not_kept(world: World) -> None:
    who = await seed(world.ledger)
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
    assert (await ask(world, who, approved=APPROVED)).reserved
    assert await world.rows("SELECT data ? 'approved' FROM events") == [(False,)]


@pytest.fixture
def terminal(terminal_of: Callable[..., Terminal]) -> Terminal:
    return terminal_of("encounters", DUECOURSE_CLOCK="virtual")


async def test_the_command_says_until_when_by_the_borrowers_clock(world: World, terminal: Terminal) -> None:
    who = await seed(world.ledger)
    async with world.ledger.transaction() as tx:
        await tx.conn.execute("INSERT INTO virtual_clock (business) VALUES (%s)", (MORNING,))
    words = ("ask", "Q-1", "--borrower", who.external_id, "--medium", "call")
    until = "Wednesday 11 July 2018, 09:00 in America/New_York"
    night = ("--at", "2018-07-11T03:00:00+00:00")
    assert f"next allowed  {until}" in await terminal.text(*words, *night)
    assert (await terminal(*words, *night))["next_allowed"] == until
    with pytest.raises(InputError, match="--approved-by and --reason together"):
        await terminal(*words, "--approved-by", "S-7")
    assert "for Tuesday 10 July 2018, 09:00 in America/New_York" in await terminal.text(*words)
