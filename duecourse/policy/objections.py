"""What the bound rules of packs have against a contact. Each question is asked of every rule of its type."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from duecourse.domain.vocabulary import Consent
from duecourse.policy import closures
from duecourse.policy.caps import Count, free_again, used
from duecourse.policy.closures import confirmations, opted_out_at
from duecourse.policy.overrides import has_evidence, holds
from duecourse.policy.packs import params as p
from duecourse.policy.packs.binding import Kind
from duecourse.policy.packs.clauses import ConsentBasis, Permission, WorkplaceAllow
from duecourse.policy.packs.regime import Bound, Regime
from duecourse.policy.packs.vocabulary import Medium, NoticeBefore, Override, Party, Purpose, StopEvent
from duecourse.policy.situation import Situation, windows_of


class Objection(NamedTuple):
    """What one rule has against it."""

    bound: Bound[Any]
    ends: Callable[[], datetime | None] | None = None
    """When the rule itself would be content, if nothing more happens; None for what time does not heal."""
    next_channel: bool = False
    """Another way may be open."""


Question = Callable[[Situation, Bound[Any]], Objection | None]


class Questions(NamedTuple):
    """What there is to ask of a regime's rules."""

    always: tuple[tuple[Question, Bound[Any]], ...]
    after_stops: tuple[tuple[Question, Bound[Any]], ...]
    """Only of those who said or suffered something."""
    after_talks: tuple[tuple[Question, Bound[Any]], ...]
    """Only of those whom somebody tried to reach before."""


def objections(at: Situation, questions: Questions) -> list[Objection]:
    """All of them but the windows', which depend on nothing but time and place."""
    facts = at.facts
    asked = questions.always
    if facts.stops:
        asked += questions.after_stops
    elif facts.history:
        asked += questions.after_talks
    found = [objection for ask, bound in asked if (objection := ask(at, bound)) is not None]
    if facts.history or facts.touches_today:
        newest = max([touch.when for touch in facts.history], default=None)
        most = max(len(facts.history), facts.touches_today)
        for count, since in at.moment.caps:
            # Fewer touches than a cap allows cannot use it up, nor can those before its window.
            counting = (newest is not None and newest >= since) or count.of_today
            if counting and most >= count.max and used(count, facts, since) >= count.max:
                found.append(Objection(count.bound, _free_again(at, count)))
    return found


def _free_again(at: Situation, count: Count) -> Callable[[], datetime | None]:
    return lambda: free_again(count, at.facts, at.now, at.moment.zones)


def _cooldown(at: Situation, bound: Bound[p.Cooldown]) -> Objection | None:
    end = closures.cooled_at(bound, at.facts, at.moment.zones)
    return Objection(bound, lambda: end) if end is not None and at.now < end else None


def _stop(at: Situation, bound: Bound[p.StopTrigger]) -> Objection | None:
    end = closures.stopped_until(bound, at.facts, at.medium, at.now)
    if end is None:
        return None
    return Objection(bound, None if end == closures.NEVER else lambda: end)


def _third_party(at: Situation, bound: Bound[p.ThirdParty]) -> Objection | None:
    party = at.facts.recipient
    if party in bound.params.allowed_parties:
        return None
    locate = bound.params.locate
    return None if locate and _may_locate(at, locate, party) else Objection(bound)


def _may_locate(at: Situation, locate: p.Locate, party: Party) -> bool:
    facts = at.facts
    if facts.purpose is not Purpose.LOCATE or party not in locate.parties:
        return False
    if locate.only_if and not facts.debtor_state & locate.only_if:
        return False
    asked = sum(touch.purpose is Purpose.LOCATE for touch in facts.history)
    return locate.max_per_party is None or asked < locate.max_per_party


def _condition(at: Situation, bound: Bound[p.ConditionNeeded]) -> Objection | None:
    return None if all(holds(one, at.facts) is True for one in bound.params.all) else Objection(bound)


def _consent(at: Situation, bound: Bound[p.ConsentNeeded]) -> Objection | None:
    needed = bound.params
    return None if _has_basis(at, needed) and _is_fresh(at, needed) else Objection(bound, next_channel=True)


def _has_basis(at: Situation, needed: p.ConsentNeeded) -> bool:
    without_asking = needed.basis & {ConsentBasis.CONTRACT, ConsentBasis.LEGITIMATE_INTEREST}
    if without_asking and at.facts.purpose is not Purpose.MARKETING:
        return True
    if ConsentBasis.CONSENT in needed.basis and at.facts.consent is Consent.GRANTED:
        return True
    return has_evidence(at.facts, Override.DEBTOR_CONSENT, at.medium, at.now)


def _is_fresh(at: Situation, needed: p.ConsentNeeded) -> bool:
    if needed.reverify is None:
        return True
    verified = at.facts.address_verified_at
    return verified is not None and (at.now - verified).days < needed.reverify.about_days


def _workplace(at: Situation, bound: Bound[p.Workplace]) -> Objection | None:
    facts, rule = at.facts, bound.params
    owned = facts.employer_address and not facts.employer_address_used
    if owned and rule.deny_employer_email and at.medium is Medium.EMAIL:
        return Objection(bound, next_channel=True)
    if not facts.at_workplace:
        return None
    match rule.allow:
        case WorkplaceAllow.NEVER:
            return Objection(bound, next_channel=True)
        case WorkplaceAllow.UNLESS_FORBIDDEN:
            return Objection(bound, next_channel=True) if facts.employer_forbids or _heard_forbidden(at) else None
        case WorkplaceAllow.OWN_HOURS:
            windows = windows_of(bound, at.moment.zones, rule.hours)
            return None if all(one.is_open(at.now) for one in windows) else Objection(bound, next_channel=True)


def _heard_forbidden(at: Situation) -> bool:
    said = (stop for stop in at.facts.stops if stop.event is StopEvent.EMPLOYER_FORBIDS)
    return any(stop.until is None or at.now < stop.until for stop in said)


def _social(at: Situation, bound: Bound[p.Social]) -> Objection | None:
    return None if _permitted(at, bound.params.private) else Objection(bound, next_channel=True)


def _automation(at: Situation, bound: Bound[p.Automation]) -> Objection | None:
    return None if _permitted(at, bound.params.robot_voice) else Objection(bound, next_channel=True)


def _permitted(at: Situation, permission: Permission) -> bool:
    match permission:
        case Permission.DENY:
            return False
        case Permission.WITH_CONSENT:
            return has_evidence(at.facts, Override.DEBTOR_CONSENT, at.medium, at.now)
        case _:
            return True


def _visit(at: Situation, bound: Bound[p.Visit]) -> Objection | None:
    enough = at.facts.staff is not None and at.facts.staff >= bound.params.min_staff
    return None if enough and _was_announced(at, bound.params.notice_hours) else Objection(bound)


def _was_announced(at: Situation, hours: int | None) -> bool:
    told = at.facts.visit_announced_at
    return hours is None or (told is not None and at.now - told >= timedelta(hours=hours))


def _transfer_notice(at: Situation, bound: Bound[p.TransferNotice]) -> Objection | None:
    return None if bound.params.before in at.facts.notices else Objection(bound)


def _confirmation(at: Situation, bound: Bound[p.OptOut]) -> Objection | None:
    """The one message that may follow an opt-out: how many, and how soon after it."""
    allowed = bound.params.confirmation
    if allowed is None:
        return None
    since = opted_out_at(at.facts)
    if confirmations(at.facts, since) >= allowed.max:
        return Objection(bound)
    if since is None or allowed.within_minutes is None:
        return None
    return Objection(bound) if at.now - since > timedelta(minutes=allowed.within_minutes) else None


def _barred(_: Situation, bound: Bound[p.FrequencyCap]) -> Objection | None:
    """A cap of nothing is a ban, whatever happened before."""
    return Objection(bound) if bound.params.max < 1 else None


#: Who asks about rules of which type. The others do not stop a contact: they bind its text, its records, its clocks.
_QUESTIONS: dict[type[p.Params], Question] = {
    p.StopTrigger: _stop,
    p.ThirdParty: _third_party,
    p.ConditionNeeded: _condition,
    p.ConsentNeeded: _consent,
    p.Workplace: _workplace,
    p.Social: _social,
    p.Automation: _automation,
    p.Visit: _visit,
    p.TransferNotice: _transfer_notice,
    p.Cooldown: _cooldown,
    p.OptOut: _confirmation,
    p.FrequencyCap: _barred,
}


def questions_for(regime: Regime) -> Questions:
    """Without those that no contact of this kind can fail."""
    asked = [one for one in regime.bound if type(one.params) in _QUESTIONS and _can_fail(one.params, regime.kind)]
    every = [(_QUESTIONS[type(one.params)], one) for one in asked]
    return Questions(
        always=tuple(pair for pair in every if not isinstance(pair[1].params, p.StopTrigger | p.Cooldown)),
        after_stops=tuple(pair for pair in every if isinstance(pair[1].params, p.StopTrigger | p.Cooldown)),
        after_talks=tuple(pair for pair in every if _follows_talk(pair[1].params)),
    )


def _follows_talk(params: p.Params) -> bool:
    return isinstance(params, p.Cooldown) and params.after is StopEvent.CONVERSATION


def _can_fail(params: p.Params, kind: Kind) -> bool:
    depends = _DEPENDS.get(type(params))
    return depends is None or depends(params, kind)


#: What the kind of contact alone may settle.
_DEPENDS: dict[type[p.Params], Callable[[Any, Kind], bool]] = {
    p.Social: lambda _, kind: kind.medium is Medium.SOCIAL,
    p.Automation: lambda _, kind: kind.medium is Medium.IVR,
    p.Visit: lambda _, kind: kind.medium is Medium.VISIT,
    p.OptOut: lambda _, kind: kind.purpose is Purpose.CONFIRM_STOP,
    p.FrequencyCap: lambda cap, _: cap.max < 1,
    p.TransferNotice: lambda notice, kind: _is_before(notice.before, kind.medium),
}


def _is_before(before: NoticeBefore, medium: Medium) -> bool:
    """Is such a contact what the notice comes before?"""
    return before is not NoticeBefore.CREDIT_REPORTING and (before is not NoticeBefore.VISIT or medium is Medium.VISIT)
