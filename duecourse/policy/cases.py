"""A case for the gate as somebody wrote it down: one question, what is expected of it, and whether that came true."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import decide
from duecourse.policy.packs.compile import PackSet, Reported
from duecourse.policy.packs.model import Pack


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What the writer of a case says must come out. What is None or empty is not looked at."""

    decision: Decision
    rules: frozenset[str] = frozenset()
    """Each must be among the verdict's."""
    until: datetime | None = None
    evidence: frozenset[str] = frozenset()
    """Each must be named by the verdict as having lifted a rule."""
    reported: frozenset[str] = frozenset()
    """Rules of the packs that must not be enforced here: their source is not verified, or not in force then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What the gate is asked. `expect` is None where somebody only wants to know."""

    title: str
    now: datetime
    facts: ContactFacts
    packs: tuple[Pack, ...]
    opt_in: frozenset[str]
    """Rules that the operator enforces although nobody verified them."""
    expect: Expected | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One file: a question and its variants, the plain one first."""

    name: str
    """The file's, without its ending."""
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the gate said to a question."""

    question: Question
    verdict: Verdict
    reported: tuple[Reported, ...]
    """What the packs hold and do not enforce at that time."""
    differences: tuple[str, ...]
    """In which ways it is not what was expected, as short sentences. None where it is, or nothing was expected."""


def answer(question: Question) -> Answer:
    """Put the question to the gate itself.

    Raises:
        ValueError: `opt_in` names a rule that is in none of the packs.
    """
    packs = PackSet(question.packs, opt_in=question.opt_in)
    verdict, reported = decide(question.facts, question.now, packs), packs.reported(question.now)
    names = frozenset(one.rule.id for one in reported)
    found = differences(verdict, names, question.expect) if question.expect else ()
    return Answer(question=question, verdict=verdict, reported=reported, differences=found)


def differences(verdict: Verdict, reported: frozenset[str], expected: Expected) -> tuple[str, ...]:
    """In which ways the verdict is not what was expected, as short sentences; none where it is.

    Args:
        verdict: what the gate said.
        reported: ids of the rules that its packs hold and do not enforce at that time.
        expected: what the case says.
    """
    found: list[str] = []
    if verdict.decision is not expected.decision:
        found.append(f"expected {expected.decision}, not {verdict.decision}")
    if expected.until is not None and verdict.until != expected.until:
        until = verdict.until.astimezone(expected.until.tzinfo).isoformat() if verdict.until else "no time"
        found.append(f"expected until {expected.until.isoformat()}, not {until}")
    found += _missing("rule", expected.rules, verdict.rules)
    found += _missing("evidence", expected.evidence, verdict.evidence)
    found += _missing("reported rule", expected.reported, reported)
    return tuple(found)


def _missing(what: str, wanted: frozenset[str], found: Collection[str]) -> list[str]:
    named = ", ".join(sorted(found)) or "none"
    return [f"expected {what} {one}, not {named}" for one in sorted(wanted - set(found))]
