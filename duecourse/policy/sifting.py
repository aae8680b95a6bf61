"""What is left of objections once conditions and evidence are weighed, and how grave it is."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from duecourse.domain.verdict import Citation
from duecourse.domain.vocabulary import Decision
from duecourse.policy.calendars import WEEKDAYS_ONLY
from duecourse.policy.history import Allowance, Evidence
from duecourse.policy.objections import Objection
from duecourse.policy.overrides import allowances, binds_now, hours_with, lifting
from duecourse.policy.packs.headings import OnFail, RuleType
from duecourse.policy.packs.model import Rule
from duecourse.policy.packs.params import ContactWindow
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.regime import Bound
from duecourse.policy.situation import Situation, windows_of

PREFERRED_HOURS = "preferred-hours"

#: The gravest first.
_GRAVITY = ((OnFail.BLOCK, Decision.SUPPRESS), (OnFail.REVIEW, Decision.REVIEW), (OnFail.DEFER, Decision.DEFER))


class Sifted(NamedTuple):
    """What decides, of all objections."""

    decision: Decision = Decision.ALLOW
    deciding: tuple[Objection, ...] = ()
    evidence: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


NOTHING = Sifted()


def sift(at: Situation, found: Iterable[Objection]) -> Sifted:
    """Objections whose rule binds this very contact, without those that evidence lifts. The gravest kind decides."""
    standing: list[Objection] = []
    evidence: list[str] = []
    for objection in found:
        rule = objection.bound.rule
        if not binds_now(rule, at.facts):
            continue
        lifted = _lifted(at, objection.bound)
        evidence += (one.id for one in lifted)
        if not lifted:
            standing.append(objection)
    warnings = tuple(one.bound.id for one in standing if one.bound.rule.on_fail is OnFail.WARN)
    for on_fail, decision in _GRAVITY:
        deciding = tuple(one for one in standing if one.bound.rule.on_fail is on_fail)
        if deciding:
            return Sifted(decision, deciding, tuple(dict.fromkeys(evidence)), warnings)
    return Sifted(Decision.ALLOW, (), tuple(dict.fromkeys(evidence)), warnings)


def shut_windows(at: Situation) -> list[Objection]:
    """The windows of packs that are shut here and now, and the hours that the borrower asked for, if these are not."""
    shut = [Objection(bound) for bound in at.moment.closed]
    if at.facts.preferred_hours:
        asked = preferred(at.facts.preferred_hours)
        if not _is_open(at, asked, asked.params.allow):
            shut.append(Objection(asked))
    return shut


def open_hours(at: Situation, bound: Bound[ContactWindow]) -> tuple[Hours, ...]:
    """The window's hours, with those agreed to."""
    return hours_with(bound.params.allow, lifting(bound.rule, at.facts, at.medium, at.now))


@lru_cache(maxsize=1024)
def preferred(hours: tuple[Hours, ...]) -> Bound[ContactWindow]:
    """What the borrower asked for, as a window. A holiday is a weekday like others here."""
    params = ContactWindow(allow=hours)
    rule = Rule(
        id=PREFERRED_HOURS, type=RuleType.CONTACT_WINDOW, source="borrower", on_fail=OnFail.DEFER, params=params
    )
    return Bound(rule, params, Citation(PREFERRED_HOURS, "", "The borrower's own wish", None, ""), WEEKDAYS_ONLY, None)


def _lifted(at: Situation, bound: Bound[Any]) -> Sequence[Evidence | Allowance]:
    """What lifts it here and now; for a window with agreed hours, if these make it open."""
    allowed = allowances(bound.rule, at.facts)
    if allowed:
        return allowed
    found = lifting(bound.rule, at.facts, at.medium, at.now)
    if not found or not isinstance(bound.params, ContactWindow):
        return found
    whole = [one for one in found if not one.hours]
    if whole or _is_open(at, bound, hours_with(bound.params.allow, found)):
        return whole or found
    return []


def _is_open(at: Situation, bound: Bound[ContactWindow], hours: tuple[Hours, ...]) -> bool:
    return all(window.is_open(at.now) for window in windows_of(bound, at.moment.zones, hours))
