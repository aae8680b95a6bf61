"""The gate's own rules, whatever the packs say, in the order in which they are asked: the first objection decides."""

from collections.abc import Callable
from dataclasses import dataclass

from duecourse.domain.vocabulary import Consent, Decision, StopRule
from duecourse.policy.closures import confirmations, opted_out_at
from duecourse.policy.packs.vocabulary import Medium, Party, Purpose
from duecourse.policy.situation import Situation

#: What no person stands behind: it may reach the debtor and nobody else.
_MACHINES = frozenset({Medium.SMS, Medium.PUSH, Medium.EMAIL, Medium.IM, Medium.IVR, Medium.SOCIAL, Medium.VOICEMAIL})
#: Who owes, or stands in the debtor's place: packs say whether and when.
_BOUND_PARTIES = frozenset({
    Party.DEBTOR, Party.GUARANTOR, Party.CO_BORROWER, Party.GUARDIAN, Party.EXECUTOR, Party.ATTORNEY,
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What a rule demands instead of sending."""

    decision: Decision
    next_channel: bool = False


Rule = Callable[[Situation], Refusal | None]

_SUPPRESS = Refusal(decision=Decision.SUPPRESS)
_ANOTHER_CHANNEL = Refusal(decision=Decision.SUPPRESS, next_channel=True)
_CANCEL = Refusal(decision=Decision.CANCEL)


def _paid(at: Situation) -> Refusal | None:
    """Nothing is left to say, except that we have heard."""
    heard = at.facts.purpose is Purpose.CONFIRM_STOP
    return _CANCEL if at.facts.open_items <= 0 and not heard else None


def _not_after(at: Situation) -> Refusal | None:
    return _SUPPRESS if at.now >= at.facts.not_after else None


def _hold(at: Situation) -> Refusal | None:
    return _SUPPRESS if at.facts.holds else None


def _autopay(at: Situation) -> Refusal | None:
    return _SUPPRESS if at.facts.autopay and StopRule.AUTOPAY in at.facts.stop else None


def _reached_today(at: Situation) -> Refusal | None:
    return _SUPPRESS if at.facts.reached_today and StopRule.REACHED_TODAY in at.facts.stop else None


def _not_the_debtor(at: Situation) -> Refusal | None:
    """Somebody else is spoken to by a person only, and about where the debtor is only, unless bound to pay too."""
    party = at.facts.recipient
    if party is Party.DEBTOR:
        return None
    by_person = at.moment.regime.kind.medium not in _MACHINES
    if by_person and (party in _BOUND_PARTIES or at.facts.purpose is Purpose.LOCATE):
        return None
    return _SUPPRESS


def _party_refused(at: Situation) -> Refusal | None:
    return _SUPPRESS if at.facts.recipient_refused else None


def _no_address(at: Situation) -> Refusal | None:
    return _ANOTHER_CHANNEL if at.facts.consent is None else None


def _invalid_address(at: Situation) -> Refusal | None:
    return None if at.facts.address_valid else _ANOTHER_CHANNEL


def _no_consent(at: Situation) -> Refusal | None:
    return None if at.facts.consent is Consent.GRANTED else _ANOTHER_CHANNEL


def _opted_out(at: Situation) -> Refusal | None:
    """The one confirmation of it may follow an opt-out, unless a pack says no."""
    facts = at.facts
    if not facts.opted_out:
        return None
    if facts.purpose is Purpose.CONFIRM_STOP and not confirmations(facts, opted_out_at(facts)):
        return None
    return _ANOTHER_CHANNEL


def _preferred_channel(at: Situation) -> Refusal | None:
    asked = at.facts.preferred_channels
    return _ANOTHER_CHANNEL if asked and at.moment.regime.kind.medium not in asked else None


def _unknown_zone(at: Situation) -> Refusal | None:
    return None if at.moment.zones else _SUPPRESS


def _ambiguous_zone(at: Situation) -> Refusal | None:
    return _SUPPRESS if at.moment.regime.one_zone and len(at.moment.zones) > 1 else None


#: Rule id to rule. The ids are written into every verdict: never rename one.
RULES: dict[str, Rule] = {
    "paid": _paid,
    "not-after": _not_after,
    "hold": _hold,
    "autopay": _autopay,
    "reached-today": _reached_today,
    "not-the-debtor": _not_the_debtor,
    "party-refused": _party_refused,
    "no-address": _no_address,
    "invalid-address": _invalid_address,
    "no-consent": _no_consent,
    "opted-out": _opted_out,
    "preferred-channel": _preferred_channel,
    "unknown-zone": _unknown_zone,
    "ambiguous-zone": _ambiguous_zone,
}
