"""What takes a rule out of the way: a condition that does not hold, or evidence on record that the rule accepts."""

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import Allowance, Evidence
from duecourse.policy.packs.clauses import Comparison
from duecourse.policy.packs.headings import OnFail
from duecourse.policy.packs.model import Rule
from duecourse.policy.packs.params import Condition
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Medium, Override

_COMPARE: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.EQ: operator.eq,
    Comparison.NE: operator.ne,
    Comparison.GE: operator.ge,
    Comparison.GT: operator.gt,
}


def holds(condition: Condition, facts: ContactFacts) -> bool | None:
    """None where the fact is unknown."""
    known = getattr(facts, condition.fact.value)
    return None if known is None else _COMPARE[condition.op](known, condition.value)


def binds_now(rule: Rule, facts: ContactFacts) -> bool:
    """Do the rule's own conditions hold? What is unknown counts as holding."""
    return all(holds(condition, facts) is not False for condition in rule.when)


def lifting(rule: Rule, facts: ContactFacts, medium: Medium, now: datetime) -> list[Evidence]:
    """What is on record that lifts the rule, perhaps only at some hours."""
    if not rule.overrides or not facts.evidence:
        return []
    return [
        one
        for one in facts.evidence
        if one.kind in rule.overrides and _is_about(one, rule, facts, medium) and is_valid(one, now)
    ]


def allowances(rule: Rule, facts: ContactFacts) -> list[Allowance]:
    """Who looked at it and allowed it. Only what a rule leaves to people can be: never what it forbids."""
    if not facts.allowances or rule.on_fail is not OnFail.REVIEW:
        return []
    return [one for one in facts.allowances if rule.id in one.rules]


def has_evidence(facts: ContactFacts, kind: Override, medium: Medium, now: datetime) -> bool:
    """Is there such evidence for this way and purpose, whatever the hour?"""
    return any(
        one.kind is kind and not one.rules and _reaches(one, facts, medium) and is_valid(one, now)
        for one in facts.evidence
    )


def is_valid(evidence: Evidence, now: datetime) -> bool:
    return evidence.given_at <= now and (evidence.expires_at is None or now < evidence.expires_at)


def hours_with(allow: tuple[Hours, ...], agreed: list[Evidence]) -> tuple[Hours, ...]:
    """The rule's hours and those agreed to."""
    return allow + tuple(hours for one in agreed for hours in one.hours)


def _is_about(evidence: Evidence, rule: Rule, facts: ContactFacts, medium: Medium) -> bool:
    return (not evidence.rules or rule.id in evidence.rules) and _reaches(evidence, facts, medium)


def _reaches(evidence: Evidence, facts: ContactFacts, medium: Medium) -> bool:
    return (not evidence.channels or medium in evidence.channels) and (
        not evidence.purposes or facts.purpose in evidence.purposes
    )
