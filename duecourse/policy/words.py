"""A verdict as a sentence: what was decided, by which rule, from which source, and when it may leave instead."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.domain.vocabulary import Decision
from duecourse.domain.zones import find_zone
from duecourse.policy.history import REVIEWED
from duecourse.policy.packs.headings import Anchor
from duecourse.policy.packs.model import Pack, Rule
from duecourse.policy.packs.params import ContactWindow
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Day
from duecourse.policy.rule_words import BUILT_IN, OPENINGS, hours_in_words, rule_in_words

Record = Mapping[str, Any]
"""A verdict as `Verdict.as_json` gives it and events keep it."""

_DAY = timedelta(days=1)


def verdict_in_words(record: Record, packs: Iterable[Pack] = ()) -> str:
    """One sentence, for any verdict that was ever stored; what an old one does not hold is left out.

    Args:
        record: the verdict.
        packs: those at hand. A rule's hours and numbers are told only from the version that decided.
    """
    decision = Decision(record["decision"])
    reasons = {} if decision is Decision.ALLOW else _reasons(record, tuple(packs))
    said = [_with_sources(why, sources) for why, sources in reasons.items()] + _asides(record)
    opening = OPENINGS[decision]
    return f"{opening}: {'; '.join(said)}" if said else opening


def rule_at_hand(rule_id: str, record: Record, packs: Iterable[Pack]) -> tuple[Pack, Rule] | None:
    """The rule with its pack, in the very version that the verdict was made with; None where that is not here."""
    consulted = set(record.get("packs", ()))
    every = ((pack, rule) for pack in packs if pack.name in consulted for rule in pack.rules)
    return next((found for found in every if found[1].id == rule_id), None)


def _reasons(record: Record, packs: Sequence[Pack]) -> dict[str, list[str]]:
    """Each reason with the sources that say so: several often say the same."""
    reasons: dict[str, list[str]] = {}
    for rule_id in record.get("rules", ()):
        found = rule_at_hand(rule_id, record, packs)
        words = _of_pack(*found, record) if found else BUILT_IN.get(rule_id, f"rule {rule_id}")
        cited = (_cited(one) for one in record.get("citations", ()) if one["rule"] == rule_id)
        reasons.setdefault(words + _of_the_text(rule_id, record), []).extend(dict.fromkeys(cited))
    return reasons


def _of_the_text(rule_id: str, record: Record) -> str:
    """What of the text broke the rule, where it was the text: a field that it tells, words that it lacks."""
    faults = (fault.partition("/") for fault in record.get("facts", {}).get("words", ()))
    named = [what.replace("_", " ") for rule, _, what in faults if rule == rule_id and what]
    return f" (in its text: {', '.join(named)})" if named else ""


def _with_sources(words: str, sources: Sequence[str]) -> str:
    return f"{words}, {' and '.join(sources)}" if sources else words


def _cited(citation: Mapping[str, Any]) -> str:
    return f"{citation['source']} {citation['pinpoint'] or ''}".strip()


def _of_pack(pack: Pack, rule: Rule, record: Record) -> str:
    params = rule.params
    facts = record.get("facts", {})
    if not isinstance(params, ContactWindow) or "now" not in facts:
        return rule_in_words(rule)
    now, zones = datetime.fromisoformat(facts["now"]), _zones(facts, pack)
    for zone in zones:
        local = now.astimezone(zone)
        if not _inside(local, params.allow):
            return f"{_local(local, params.allow)} in {zone.key} is outside {hours_in_words(params.allow)}"
    if not zones:
        return rule_in_words(rule)
    local = now.astimezone(zones[0])
    return f"{local:%a %H:%M} in {zones[0].key} is perhaps a public holiday, and outside {hours_in_words(params.allow)}"


def _zones(facts: Record, pack: Pack) -> list[ZoneInfo]:
    fixed = pack.timezone.zone if pack.timezone.anchor is Anchor.FIXED else None
    names = dict.fromkeys([facts.get("time_zone"), *facts.get("candidate_zones", ()), fixed])
    return [zone for zone in map(find_zone, names) if zone]


def _inside(local: datetime, allow: Sequence[Hours]) -> bool:
    day, minute = tuple(Day)[local.weekday()], local.hour * 60 + local.minute
    return any(day in span.days and span.start <= minute < span.end for span in allow)


def _local(local: datetime, allow: Sequence[Hours]) -> str:
    every_day = all(span.days >= frozenset(Day) for span in allow)
    return f"{local:%H:%M}" if every_day else f"{local:%a %H:%M}"


def _asides(record: Record) -> list[str]:
    """What else there is to say: evidence that lifted a rule, duties, advice, and when it may leave."""
    said = [_lifted_by(one) for one in record.get("evidence", ())]
    said += _duties(record.get("requires", ()))
    said += [f"against the advice of {one}" for one in record.get("warnings", ())]
    if record.get("until"):
        said.append(f"next allowed {_when(record)}")
    return said


def _lifted_by(evidence: str) -> str:
    kind, _, number = evidence.partition(":")
    return f"a person allowed it in review {number}" if kind == REVIEWED else f"by agreement or consent {evidence}"


def _duties(requires: Sequence[str]) -> list[str]:
    """What the text or the talk must keep to, by kind, with the rules that ask for it."""
    duties: dict[str, list[str]] = {}
    for demand in requires:
        kind, _, rule_id = demand.partition(":")
        duties.setdefault(kind.replace("-", " "), []).append(rule_id)
    named = [f"{kind} ({', '.join(rule_ids)})" for kind, rule_ids in duties.items()]
    return [f"it must keep to the rules on {', '.join(named)}"] if named else []


def _when(record: Record) -> str:
    """On the borrower's clock; with its day where that is further than a day away."""
    facts = record.get("facts", {})
    until = datetime.fromisoformat(record["until"])
    zone = find_zone(facts.get("time_zone"))
    local = until.astimezone(zone) if zone else until
    soon = "now" in facts and until - datetime.fromisoformat(facts["now"]) < _DAY
    return f"{local:%H:%M}" if soon else f"{local:%a %Y-%m-%d %H:%M}"
