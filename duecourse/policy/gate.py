"""The gate: the one place that says whether a contact may leave. Asked in the claim's transaction, fail-closed."""

from datetime import datetime
from typing import Any

from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.domain.zones import find_zone
from duecourse.policy.facts import ContactFacts
from duecourse.policy.quiet_hours import Quiet
from duecourse.policy.rules import RULES, Situation

PACKS = ("house@1",)
POLICY_ERROR = "policy-error"


def decide(facts: ContactFacts, now: datetime, quiet: Quiet) -> Verdict:
    """Judge, and turn any fault of ours into a refusal: an exception in policy means "do not send".

    Args:
        facts: read in the transaction that will arm the contact.
        now: business time, aware.
        quiet: the house's quiet hours.
    """
    try:
        return judge(facts, now, quiet)
    except Exception as exc:  # noqa: BLE001 - whatever went wrong, nothing may leave
        error = {"error": type(exc).__name__}
        return Verdict(decision=Decision.SUPPRESS, rules=(POLICY_ERROR,), packs=PACKS, facts=error)


def judge(facts: ContactFacts, now: datetime, quiet: Quiet) -> Verdict:
    """The first objection decides and is named; an allow names every rule it passed.

    Raises:
        Exception: the facts make no sense. Call `decide` instead, which refuses then.
    """
    at = Situation(facts=facts, now=now, quiet=quiet, zone=find_zone(facts.time_zone))
    for rule_id, rule in RULES.items():
        objection = rule(at)
        if objection:
            return Verdict(
                decision=objection.decision,
                rules=(rule_id,),
                until=objection.until,
                next_channel=objection.next_channel,
                packs=PACKS,
                facts=_record(at),
            )
    return Verdict(decision=Decision.ALLOW, rules=tuple(RULES), packs=PACKS, facts=_record(at))


def _record(at: Situation) -> dict[str, Any]:
    """All that was known, JSON-ready, so that the verdict can be recomputed years later."""
    facts = at.facts
    return {
        "now": at.now.isoformat(),
        "local": at.now.astimezone(at.zone).isoformat() if at.zone else None,
        "quiet": [at.quiet.start.isoformat("minutes"), at.quiet.end.isoformat("minutes")],
        "not_after": facts.not_after.isoformat(),
        "time_zone": facts.time_zone,
        "channel": facts.channel.value,
        "consent": facts.consent.value if facts.consent else None,
        "address_valid": facts.address_valid,
        "open_items": facts.open_items,
        "autopay": facts.autopay,
        "holds": list(facts.holds),
        "opted_out": facts.opted_out,
        "touches_today": facts.touches_today,
        "reached_today": facts.reached_today,
        "stop": sorted(rule.value for rule in facts.stop),
    }
