"""A person's allowance lifts what a rule left to people, of this contact, and nothing that forbids."""

from datetime import timedelta

import pytest

from duecourse.domain.vocabulary import Decision
from duecourse.policy.history import Allowance
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import OnFail
from duecourse.policy.packs.model import Rule
from duecourse.policy.replay import Again, Archive, Kept
from duecourse.policy.words import verdict_in_words
from tests.gate_rules import FINE, NEVER, NOON, ask, pack, rule, touch, window

DAY = p.CapWindow(kind=WindowKind.CALENDAR_DAY)
ONE_A_DAY = p.FrequencyCap(unit=CapUnit.ATTEMPT, max=1, window=DAY, scope=CapScope.DEBTOR)
ASKS = rule(ONE_A_DAY, "asks", on_fail=OnFail.REVIEW)
HISTORY = (touch(timedelta(hours=1)),)
ALLOWED = (Allowance(id="review:17", rules=frozenset({"asks", "forbids", "waits"})),)


def test_what_was_left_to_a_person_and_allowed_leaves_and_says_so() -> None:
    assert ask(pack(ASKS), history=HISTORY).decision is Decision.REVIEW
    said = ask(pack(ASKS), history=HISTORY, allowances=ALLOWED)
    assert (said.decision, said.evidence) == (Decision.ALLOW, ("review:17",))
    assert verdict_in_words(said.as_json()) == "allowed: a person allowed it in review 17"


@pytest.mark.parametrize(
    ("other", "decision"),
    [
        (rule(NEVER, "forbids"), Decision.SUPPRESS),
        (rule(window(1, 2), "waits"), Decision.DEFER),
        (rule(NEVER, "asks-too", on_fail=OnFail.REVIEW), Decision.REVIEW),
    ],
)
def test_no_person_lifts_what_forbids_or_waits_or_was_not_looked_at(other: Rule, decision: Decision) -> None:
    said = ask(pack(ASKS, other), history=HISTORY, allowances=ALLOWED)
    assert (said.decision, said.rules) == (decision, (other.id,))


def test_an_allowance_is_judged_again_as_it_was() -> None:
    packs = pack(ASKS)
    said = ask(packs, history=HISTORY, allowances=ALLOWED)
    kept = Kept(event_id=1, at=NOON, contact_id=FINE.contact_id, borrower_id=FINE.borrower_id, record=said.as_json())
    assert Archive(PackSet((packs,)).packs).replay(kept).again is Again.SAME
