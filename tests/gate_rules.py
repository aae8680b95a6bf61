"""Packs and facts for tests of the gate: one rule, one borrower, and what is asked."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind, Consent, Decision, StopRule
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import judge
from duecourse.policy.history import Touch
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import Comparison, ConditionFact
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import Grade, OnFail, RuleType, SourceKind, SourceStatus
from duecourse.policy.packs.model import PARAMS_OF, Pack, Place, Rule, Source
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Day, Medium, TouchOutcome

#: A Wednesday, noon in New York; the week before Thanksgiving's.
NOON = datetime(2026, 11, 18, 17, tzinfo=UTC)
EVERY_DAY = frozenset(Day)
_TYPE_OF: dict[type, RuleType] = {params: kind for kind, params in PARAMS_OF.items()}

#: A due SMS with nothing against it, of which nobody says more than must be said.
PLAIN = ContactFacts(
    contact_id=7,
    borrower_id=3,
    channel=ChannelKind.SMS,
    not_after=NOON + timedelta(days=20),
    time_zone="America/New_York",
    consent=Consent.GRANTED,
    address_valid=True,
    open_items=1,
    autopay=False,
    holds=(),
    opted_out=False,
    touches_today=0,
    reached_today=False,
    stop=frozenset(StopRule),
)
FINE = dataclasses.replace(PLAIN, residence=Place("US", "NY"), debts=(1,), dpd=3, number="a")
#: What no contact passes.
NEVER = p.ConditionNeeded(all=(p.Condition(fact=ConditionFact.DPD, op=Comparison.LT, value=0),))


def source(**changed: Any) -> Source:
    plain = Source(id="law", title="The Act", kind=SourceKind.STATUTE, status=SourceStatus.IN_FORCE, grade=Grade.A)
    return dataclasses.replace(plain, **changed)


def rule(params: p.Params, rule_id: str = "r", **changed: Any) -> Rule:
    """Blocks, unless told otherwise; a window defers."""
    kind = _TYPE_OF[type(params)]
    on_fail = OnFail.DEFER if kind is RuleType.CONTACT_WINDOW else OnFail.BLOCK
    plain = Rule(id=rule_id, type=kind, source="law", pinpoint="s. 1", on_fail=on_fail, params=params)
    return dataclasses.replace(plain, **changed)


def pack(*rules: Rule | p.Params, **changed: Any) -> Pack:
    """Of the United States."""
    named = tuple(one if isinstance(one, Rule) else rule(one, f"r{n}" if n else "r") for n, one in enumerate(rules))
    plain = Pack(id="us", version="1", as_of=date(2026, 11, 1), country="US", sources={"law": source()}, rules=named)
    return dataclasses.replace(plain, **changed)


def open_hours(start: float, end: float, days: Iterable[Day] = EVERY_DAY) -> Hours:
    return Hours(days=frozenset(days), start=round(start * 60), end=round(end * 60))


def window(start: float, end: float, days: Iterable[Day] = EVERY_DAY) -> p.ContactWindow:
    return p.ContactWindow(allow=(open_hours(start, end, days),))


def touch(before: timedelta, medium: Medium = Medium.CALL, **changed: Any) -> Touch:
    """So long before noon; unanswered, about the one debt, to the one number, unless told otherwise."""
    plain = Touch(when=NOON - before, medium=medium, outcome=TouchOutcome.UNANSWERED, debts=(1,), number="a")
    return dataclasses.replace(plain, **changed)


def ask(*packs: Pack, now: datetime = NOON, opt_in: Iterable[str] = (), **changed: Any) -> Verdict:
    """What the gate says of the one borrower, with these facts changed."""
    return judge(dataclasses.replace(FINE, **changed), now, PackSet(packs, opt_in=opt_in))


def blocks(*packs: Pack, **facts: Any) -> bool:
    """Is it refused by a rule of a pack?"""
    said = ask(*packs, **facts)
    assert said.decision in {Decision.ALLOW, Decision.SUPPRESS}
    return said.decision is Decision.SUPPRESS and said.rules[0].startswith("r")
