"""A stored verdict is reached again from its facts, by the same packs always; another pack or day may say otherwise."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.policy.cases import Question, answer
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import decide
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.replay import Again, Archive, Kept, LawOf, Replayed, judge_again
from duecourse.settings.gate_cases import Knowledge, read_cases
from duecourse.settings.inbound import load_lexicon
from duecourse.settings.packs import load_packs
from tests.any_facts import any_facts, moments
from tests.gate_rules import FINE, NOON, pack, source, window

ROOT = Path(__file__).resolve().parents[2]
PACKS = load_packs(ROOT / "config")
KNOWLEDGE = Knowledge(packs={pack.id: pack for pack in PACKS}, lexicon=load_lexicon(ROOT / "config"))
CASES = {case.name: case for case in read_cases(ROOT / "examples" / "gate", KNOWLEDGE)}
EVERY = PackSet(PACKS)
OPTED_IN = ["us.ma.calls2", "us.regf.work_email", "id.window", "th.once_a_day"]
FIRST = CASES["01-cn-22-00"].questions[0]


def kept(verdict: Verdict, facts: ContactFacts | None = None) -> Kept:
    """As it comes back from where events are kept."""
    record = json.loads(json.dumps(verdict.as_json()))
    ids = (facts.contact_id, facts.borrower_id) if facts else (1, 1)
    return Kept(event_id=1, at=datetime(2026, 12, 1, tzinfo=UTC), contact_id=ids[0], borrower_id=ids[1], record=record)


@pytest.mark.parametrize(
    "question", [one for case in CASES.values() for one in case.questions], ids=lambda question: question.title
)
def test_the_packs_that_decided_decide_the_same_again(question: Question) -> None:
    stored = kept(answer(question).verdict)
    assert Archive(PACKS).replay(stored).again is Again.SAME


@settings(max_examples=200, deadline=None)
@given(any_facts, moments, st.sets(st.sampled_from(OPTED_IN)))
def test_any_verdict_is_reached_again_from_what_it_keeps(facts: ContactFacts, now: datetime, opt_in: set[str]) -> None:
    verdict = decide(facts, now, PackSet(PACKS, opt_in=opt_in))
    assert verdict.rules != ("policy-error",)
    assert Archive(PACKS).replay(kept(verdict, facts)).again is Again.SAME


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"decision": "allow"}, "decision"),
        ({"rules": ["quiet-hours"]}, "rules"),
        ({"until": "2026-12-02T01:00:00+00:00"}, "until"),
        ({"until": None}, "until"),
        ({"evidence": ["agreement-1"]}, "evidence"),
        ({"warnings": ["cn.window.default"]}, "warnings"),
        ({"citations": []}, "citations"),
    ],
)
def test_a_verdict_that_the_gate_would_not_give_is_found(changed: dict[str, Any], difference: str) -> None:
    stored = kept(answer(FIRST).verdict)
    replayed = Archive(PACKS).replay(replace(stored, record={**stored.record, **changed}))
    assert (replayed.again, replayed.differences) == (Again.DIFFERENT, (difference,))


def test_the_same_instant_written_for_another_zone_is_the_same() -> None:
    stored = kept(answer(FIRST).verdict)
    shanghai = {**stored.record, "until": "2026-12-02T08:00:00+08:00"}
    assert Archive(PACKS).replay(replace(stored, record=shanghai)).again is Again.SAME


def test_a_verdict_of_a_version_that_is_not_here_is_compared_with_nothing() -> None:
    older = [replace(pack, version="0.0.1") if pack.id == "cn-mainland" else pack for pack in PACKS]
    replayed = Archive(older).replay(kept(answer(FIRST).verdict))
    assert (replayed.again, replayed.verdict) == (Again.OTHER_PACKS, None)
    assert replayed.kept.record["packs"] == list(answer(FIRST).verdict.packs)


def test_packs_that_came_later_change_no_past_verdict() -> None:
    stored = kept(decide(FIRST.facts, FIRST.now, PackSet(FIRST.packs)))
    assert Archive(PACKS).replay(stored).again is Again.SAME
    more = judge_again(stored, EVERY)
    assert (more.again, more.kept) == (Again.DIFFERENT, stored)
    assert {"packs", "citations"} <= set(more.differences)


@pytest.mark.parametrize("facts", [{}, {"error": "KeyError"}, {"now": "2026-12-01T00:00:00+00:00"}, None])
def test_what_the_gate_did_not_judge_on_facts_is_passed_over(facts: Any) -> None:
    record = {"decision": "suppress", "rules": ["no-route"], "packs": [], "facts": facts}
    stored = replace(kept(answer(FIRST).verdict), record=record)
    assert Archive(PACKS).replay(stored) == Replayed(kept=stored, again=Again.NOT_JUDGED)
    assert judge_again(stored, EVERY) == Replayed(kept=stored, again=Again.NOT_JUDGED)


def test_what_stands_beside_the_facts_is_no_part_of_the_answer() -> None:
    stored = kept(answer(FIRST).verdict)
    noted = replace(stored, record={**stored.record, "facts": {**stored.record["facts"], "noted": "later"}})
    assert Archive(PACKS).replay(noted).again is Again.SAME


def test_a_verdict_without_packs_is_compared_under_none() -> None:
    alone = kept(decide(FIRST.facts, FIRST.now, PackSet(())))
    without = {name: value for name, value in alone.record.items() if name != "packs"}
    assert Archive(()).replay(replace(alone, record=without)).again is Again.SAME


@pytest.mark.parametrize(("name", "value"), [("channel", "smoke"), ("stop", 3), ("history", [{"who": "me"}])])
def test_facts_that_are_none_are_told(name: str, value: Any) -> None:
    stored = kept(answer(FIRST).verdict)
    broken = replace(stored, record={**stored.record, "facts": {**stored.record["facts"], name: value}})
    assert Archive(PACKS).replay(broken) == Replayed(kept=broken, again=Again.UNREADABLE)


def test_the_law_of_another_day_may_decide_otherwise() -> None:
    marketing = CASES["16-us-stop-one-topic"].questions[0]
    stored = kept(answer(marketing).verdict)
    packs = [pack for pack in PACKS if pack.id == "us-federal"]

    def on(day: date) -> Verdict | None:
        return judge_again(stored, LawOf(packs, opt_in=(), day=day)).verdict

    before, after = on(date(2027, 1, 30)), on(date(2027, 1, 31))
    assert before is not None
    assert before.decision is Decision.ALLOW
    assert after is not None
    assert (after.decision, after.rules) == (Decision.SUPPRESS, ("us.tcpa.stop_all_topics",))


@pytest.mark.parametrize(("day", "opt_in", "binds"), [(19, (), True), (20, (), False), (20, ("r",), True)])
def test_a_law_that_ended_binds_until_its_last_day_or_whom_opts_in(
    day: int, opt_in: tuple[str, ...], *, binds: bool
) -> None:
    ending = pack(window(18, 21), sources={"law": source(effective_to=date(2026, 11, 20))})
    stored = kept(decide(FINE, NOON, PackSet(())), FINE)
    replayed = judge_again(stored, LawOf((ending,), opt_in=opt_in, day=date(2026, 11, day)))
    assert replayed.verdict is not None
    assert (replayed.verdict.decision is Decision.DEFER) is binds
