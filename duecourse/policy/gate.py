"""The gate: the one place that says whether a contact may leave. Asked in the claim's transaction, fail-closed."""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from duecourse.domain.verdict import RuleList, Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.policy.demands import demands
from duecourse.policy.facts import ContactFacts
from duecourse.policy.objections import Questions, objections, questions_for
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.params import ContactWindow
from duecourse.policy.packs.regime import Bound, Regime
from duecourse.policy.record import record_of
from duecourse.policy.rules import RULES
from duecourse.policy.sifting import NOTHING, Sifted, shut_windows, sift
from duecourse.policy.situation import Situation, situation
from duecourse.policy.waiting import are_at_odds, is_window, next_instant

POLICY_ERROR = "policy-error"
#: Rules that wait for each other come to rest in two or three steps; who needs more gets no answer.
_STEPS = 50


class _Look(NamedTuple):
    """What all rules say of a contact at one instant."""

    at: Situation
    decision: Decision
    rules: tuple[str, ...]
    next_channel: bool
    sifted: Sifted = NOTHING


def decide(facts: ContactFacts, now: datetime, packs: PackSet) -> Verdict:
    """Judge, and turn any fault of ours into a refusal: an exception in policy means "do not send".

    Args:
        facts: read in the transaction that will arm the contact.
        now: business time, aware.
        packs: the operator's; which of them bind this contact is found out from the facts.
    """
    try:
        return judge(facts, now, packs)
    except Exception as exc:  # noqa: BLE001 - whatever went wrong, nothing may leave
        error = {"error": type(exc).__name__}
        return Verdict(decision=Decision.SUPPRESS, rules=(POLICY_ERROR,), packs=_names(packs), facts=error)


def judge(facts: ContactFacts, now: datetime, packs: PackSet) -> Verdict:
    """The first of the gate's own rules that objects decides; then the gravest of what the packs' rules object.

    A verdict names the rules that decided, an allow every rule that it passed. A deferral names the first instant
    that is itself allowed and before the contact's not-after; where there is none, the contact is suppressed.

    Raises:
        Exception: the facts make no sense. Call `decide` instead, which refuses then.
    """
    look = _look(facts, now, packs)
    if look.decision is Decision.DEFER:
        return _wait(look, packs)
    return _verdict(look, look.decision)


def _look(facts: ContactFacts, now: datetime, packs: PackSet) -> _Look:
    at = situation(facts, now, packs)
    for rule_id, rule in RULES.items():
        refusal = rule(at)
        if refusal is not None:
            return _Look(at, refusal.decision, (rule_id,), refusal.next_channel)
    regime = at.moment.regime
    found = objections(at, _questions(regime))
    if at.moment.closed or facts.preferred_hours:
        found += shut_windows(at)
    if not found:
        return _Look(at, Decision.ALLOW, _passed(regime), next_channel=False)
    sifted = sift(at, found)
    if sifted.decision is Decision.ALLOW:
        return _Look(at, Decision.ALLOW, _passed(regime), next_channel=False, sifted=sifted)
    rules = tuple(dict.fromkeys(one.bound.id for one in sifted.deciding))
    return _Look(at, sifted.decision, rules, all(one.next_channel for one in sifted.deciding), sifted)


def _wait(first: _Look, packs: PackSet) -> Verdict:
    """Follow the rules from one opening to the next, until one is an opening for all."""
    look, facts = first, first.at.facts
    shut: dict[str, Bound[ContactWindow]] = {}
    for _ in range(_STEPS):
        shut |= {one.bound.id: one.bound for one in look.sifted.deciding if is_window(one)}
        moment = next_instant(look.at, look.sifted.deciding, tuple(shut.values()))
        if moment is None or moment >= facts.not_after:
            at_odds = moment is None and are_at_odds(look.at, tuple(shut.values()))
            return _verdict(first, Decision.REVIEW if at_odds else Decision.SUPPRESS, also=look)
        look = _look(facts, moment, packs)
        if look.decision is Decision.ALLOW:
            return _verdict(first, Decision.DEFER, until=moment)
        if look.decision is not Decision.DEFER:
            return _verdict(first, Decision.SUPPRESS, also=look)
    return _verdict(first, Decision.SUPPRESS)


def _verdict(look: _Look, decision: Decision, *, until: datetime | None = None, also: _Look | None = None) -> Verdict:
    """`also`: what stood in the way later on."""
    facts, moment, sifted = look.at.facts, look.at.moment, look.sifted
    deciding = sifted.deciding if also is None else (*sifted.deciding, *also.sifted.deciding)
    rules = look.rules if also is None else tuple(dict.fromkeys(look.rules + also.rules))
    return Verdict(
        decision=decision,
        rules=rules,
        until=until,
        next_channel=look.next_channel,
        packs=moment.regime.packs,
        citations=tuple(dict.fromkeys(one.bound.citation for one in deciding)) if deciding else (),
        evidence=sifted.evidence,
        requires=_demands(look.at) if decision is Decision.ALLOW else (),
        warnings=sifted.warnings,
        facts=record_of(facts, moment.record),
    )


def _demands(at: Situation) -> tuple[str, ...]:
    facts = at.facts
    return demands(at.moment.regime, first=facts.first_contact is not False, verified=facts.identity_verified)


@lru_cache(maxsize=4096)
def _questions(regime: Regime) -> Questions:
    return questions_for(regime)


@lru_cache(maxsize=4096)
def _passed(regime: Regime) -> RuleList:
    return RuleList((*RULES, *regime.rule_ids))


def _names(packs: object) -> tuple[str, ...]:
    return packs.names if isinstance(packs, PackSet) else ()
