"""The gate's rules, in the order in which they are asked. Each returns what it demands, or None: no objection."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from duecourse.domain.vocabulary import Consent, Decision, StopRule
from duecourse.policy.facts import ContactFacts
from duecourse.policy.quiet_hours import Quiet, first_allowed

#: One contact per channel and local day.
_DAY_CAP = 1


class Situation(NamedTuple):
    """A contact's facts at one instant."""

    facts: ContactFacts
    now: datetime
    quiet: Quiet
    zone: ZoneInfo | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """What a rule demands instead of sending."""

    decision: Decision
    until: datetime | None = None
    next_channel: bool = False


Rule = Callable[[Situation], Objection | None]

_SUPPRESS = Objection(decision=Decision.SUPPRESS)
_ANOTHER_CHANNEL = Objection(decision=Decision.SUPPRESS, next_channel=True)


def _paid(at: Situation) -> Objection | None:
    return Objection(decision=Decision.CANCEL) if at.facts.open_items <= 0 else None


def _not_after(at: Situation) -> Objection | None:
    return _SUPPRESS if at.now >= at.facts.not_after else None


def _hold(at: Situation) -> Objection | None:
    return _SUPPRESS if at.facts.holds else None


def _autopay(at: Situation) -> Objection | None:
    return _SUPPRESS if at.facts.autopay and StopRule.AUTOPAY in at.facts.stop else None


def _reached_today(at: Situation) -> Objection | None:
    return _SUPPRESS if at.facts.reached_today and StopRule.REACHED_TODAY in at.facts.stop else None


def _no_address(at: Situation) -> Objection | None:
    return _ANOTHER_CHANNEL if at.facts.consent is None else None


def _invalid_address(at: Situation) -> Objection | None:
    return None if at.facts.address_valid else _ANOTHER_CHANNEL


def _no_consent(at: Situation) -> Objection | None:
    return None if at.facts.consent is Consent.GRANTED else _ANOTHER_CHANNEL


def _opted_out(at: Situation) -> Objection | None:
    return _ANOTHER_CHANNEL if at.facts.opted_out else None


def _unknown_zone(at: Situation) -> Objection | None:
    return _SUPPRESS if at.zone is None else None


def _channel_day_cap(at: Situation) -> Objection | None:
    return _SUPPRESS if at.facts.touches_today >= _DAY_CAP else None


def _quiet_hours(at: Situation) -> Objection | None:
    if at.zone is None:
        return _SUPPRESS
    until = first_allowed(at.now, at.zone, at.quiet)
    if until <= at.now:
        return None
    return Objection(decision=Decision.DEFER, until=until) if until < at.facts.not_after else _SUPPRESS


#: Rule id to rule. The ids are written into every verdict: never rename one.
RULES: dict[str, Rule] = {
    "paid": _paid,
    "not-after": _not_after,
    "hold": _hold,
    "autopay": _autopay,
    "reached-today": _reached_today,
    "no-address": _no_address,
    "invalid-address": _invalid_address,
    "no-consent": _no_consent,
    "opted-out": _opted_out,
    "unknown-zone": _unknown_zone,
    "channel-day-cap": _channel_day_cap,
    "quiet-hours": _quiet_hours,
}
