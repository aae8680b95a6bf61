"""The gate: the one place that says whether a contact may leave. Asked in the claim's transaction, fail-closed."""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.domain.zones import find_zone
from duecourse.policy.facts import ContactFacts
from duecourse.policy.quiet_hours import Quiet
from duecourse.policy.rules import RULES, Situation

PACKS = ("house@1",)
POLICY_ERROR = "policy-error"
_ALL_PASSED = tuple(RULES)


class _Here(NamedTuple):
    """What an instant is at one place: the same for most of a batch."""

    zone: ZoneInfo | None
    record: dict[str, Any]
    """What a verdict keeps of it."""


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
    here = _here(now, facts.time_zone, quiet)
    at = Situation(facts=facts, now=now, quiet=quiet, zone=here.zone)
    for rule_id, rule in RULES.items():
        objection = rule(at)
        if objection:
            return Verdict(
                decision=objection.decision,
                rules=(rule_id,),
                until=objection.until,
                next_channel=objection.next_channel,
                packs=PACKS,
                facts=_record(facts, here),
            )
    return Verdict(decision=Decision.ALLOW, rules=_ALL_PASSED, packs=PACKS, facts=_record(facts, here))


@lru_cache(maxsize=1024)
def _here(now: datetime, time_zone: str | None, quiet: Quiet) -> _Here:
    zone = find_zone(time_zone)
    record = {
        "now": now.isoformat(),
        "local": now.astimezone(zone).isoformat() if zone else None,
        "quiet": [quiet.start.isoformat("minutes"), quiet.end.isoformat("minutes")],
        "time_zone": time_zone,
    }
    return _Here(zone, record)


def _record(facts: ContactFacts, here: _Here) -> dict[str, Any]:
    """All that was known, JSON-ready, so that the verdict can be recomputed years later."""
    return {
        **here.record,
        "not_after": facts.not_after.isoformat(),
        "channel": facts.channel,
        "consent": facts.consent,
        "address_valid": facts.address_valid,
        "open_items": facts.open_items,
        "autopay": facts.autopay,
        "holds": list(facts.holds),
        "opted_out": facts.opted_out,
        "touches_today": facts.touches_today,
        "reached_today": facts.reached_today,
        "stop": sorted(facts.stop),
    }
