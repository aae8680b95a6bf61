"""`duecourse reviews` as a user types it: what waits for a person, why, and the person's word."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from duecourse.domain.errors import InputError
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import OnFail
from duecourse.policy.packs.vocabulary import Medium, TouchOutcome
from duecourse.ports.evidence import NewEncounter
from duecourse.usecases.record_encounter import record_encounter
from tests.gate_rules import pack, rule
from tests.pipeline import MORNING, World, rung
from tests.seed import Seeded, seed
from tests.terminal import Terminal

#: As the house's pack has it, which leaves more tries than that to a person.
ASKING = "house.attempts.excessive"
DECIDED = ("--by", "S-7", "--reason", "the borrower asked for it on 2018-07-09")


@pytest.fixture
def terminal(terminal_of: Callable[..., Terminal]) -> Terminal:
    return terminal_of("reviews", DUECOURSE_CLOCK="virtual")


@pytest.fixture
async def ada(world: World) -> Seeded:
    """Called this morning, so that her reminder waits for a person."""
    async with world.ledger.transaction() as tx:
        await tx.planning.ensure_months(world.clock.times)
        await tx.conn.execute("INSERT INTO virtual_clock (business) VALUES (%s)", (MORNING,))
    who = await seed(world.ledger)
    touch = NewEncounter(
        reference="C-1", borrower=who.external_id, medium=Medium.CALL, outcome=TouchOutcome.UNANSWERED, at=MORNING
    )
    await record_encounter(touch, ledger=world.ledger, clock=world.clock, actor="test")
    day = p.CapWindow(kind=WindowKind.CALENDAR_DAY)
    cap = p.FrequencyCap(unit=CapUnit.ATTEMPT, max=1, window=day, scope=CapScope.DEBTOR)
    law = PackSet((pack(rule(cap, ASKING, on_fail=OnFail.REVIEW)),))
    await replace(world, packs=law, rungs=(rung(stop=frozenset()),)).deliver()
    return who


async def test_what_waits_is_listed_and_shown_with_its_rules_and_their_sources(ada: Seeded, terminal: Terminal) -> None:
    (listed,) = await terminal("list")
    assert (listed["borrower"], listed["channel"], listed["rung"]) == (ada.external_id, "sms", "T0-morning")
    assert (listed["asked_at"], listed["not_after"]) == ("2018-07-10T13:00:00+00:00", "2018-07-10T16:00:00+00:00")
    assert [(one["rule"], one["source"]) for one in listed["citations"]] == [(ASKING, "The Act")]
    assert f"{ASKING} (The Act s. 1)" in await terminal.text("list", "--borrower", ada.external_id)
    assert await terminal("list", "--borrower", "nobody") == []

    number = str(listed["review_id"])
    shown = await terminal("show", number)
    assert (shown["waits"], shown["liftable"], shown["words"]) == (
        True,
        [ASKING],
        f"kept for a person to look at: rule {ASKING}, The Act s. 1",
    )
    text = await terminal.text("show", number)
    assert "a person may lift it" in text
    assert "+1212" not in text


async def test_a_decision_is_carried_out_once(ada: Seeded, terminal: Terminal) -> None:
    number = str((await terminal("list", "--borrower", ada.external_id))[0]["review_id"])
    first = await terminal("decide", number, "--allow", *DECIDED)
    assert (first["decision"], first["lifts"], first["changed"]) == ("allow", [ASKING], True)
    assert await terminal("list") == []
    assert "had been decided before" in await terminal.text("decide", number, "--allow", *DECIDED)
    with pytest.raises(InputError, match="was decided before: allow by S-7"):
        await terminal("decide", number, "--refuse", *DECIDED)
    shown = await terminal("show", number)
    assert (shown["waits"], shown["decided_by"], shown["reason"]) == (False, "S-7", DECIDED[3])
    assert "decided_by" in await terminal.text("show", number)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (DECIDED, "one of --allow, --refuse and --again"),
        (("--allow", "--refuse", *DECIDED), "one of --allow, --refuse and --again"),
        (("--allow", "--by", "Ada Lovelace", "--reason", "asked"), "by: must be a code"),
        (("--allow", "--by", "S-7", "--reason", " "), "reason: must not be empty"),
        (("--allow", "--by", "S-7", "--reason", "x" * 201), "reason: must be one line of at most 200"),
        (("--allow", "--by", "S-7", "--reason", "two\nlines"), "reason: must be one line"),
        (("--allow", "--by", "S-7", "--reason", "call 212-555-0100"), "reason: holds a number or an address"),
        (("--allow", "--by", "S-7", "--reason", "ada@example.com"), "reason: holds a number or an address"),
    ],
)
async def test_a_decision_that_makes_no_sense_is_refused(
    ada: Seeded, terminal: Terminal, words: tuple[str, ...], named: str
) -> None:
    (listed,) = await terminal("list", "--borrower", ada.external_id)
    with pytest.raises(InputError, match=named):
        await terminal("decide", str(listed["review_id"]), *words)
    assert await terminal("list") == [listed]
