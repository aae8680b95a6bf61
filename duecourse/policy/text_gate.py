"""The second gate: may these very words leave? Asked of every rendered text whose contact is allowed."""

import re
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from duecourse.domain.message import Rendered
from duecourse.domain.verdict import Citation, Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.policy.disclosures import missing_disclosures
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import POLICY_ERROR
from duecourse.policy.packs import params as p
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.regime import Regime
from duecourse.policy.packs.vocabulary import Medium
from duecourse.policy.telling import told

#: Strangers see or hear these, whatever the packs say.
_OPEN = frozenset({Medium.PUSH, Medium.VOICEMAIL})
NEUTRAL = "neutral"
_TAGS = re.compile(r"<[^>]*>")
#: One block at the very beginning, and none in the body.
_SIGNED = re.compile(r"【[^【】]{2,16}】[^【】]*")


class _Telling(NamedTuple):
    """What a text may not tell."""

    fields: frozenset[str]
    rule: str


def judge_text(facts: ContactFacts, now: datetime, packs: PackSet, *, body: Rendered, locale: str) -> Verdict | None:
    """None where the words may leave; else a refusal that names the rules, never the words. Total, fail-closed.

    Args:
        facts: as they were for the gate that allowed the contact.
        now: likewise.
        packs: the operator's.
        body: what would leave; each part that can be read alone must hold what is demanded.
        locale: the text's own.
    """
    try:
        regime = packs.applying(facts, now)
        wrong = text_faults(regime, facts, body, locale)
    except Exception as exc:  # noqa: BLE001 - whatever went wrong, nothing may leave
        error = {"error": type(exc).__name__}
        return Verdict(decision=Decision.SUPPRESS, rules=(POLICY_ERROR,), facts=error)
    return _refusal(regime, wrong) if wrong else None


def text_faults(regime: Regime, facts: ContactFacts, body: Rendered, locale: str) -> tuple[str, ...]:
    """Ids of the rules that the words break, as `rule-id` or `rule-id/what`; empty is good."""
    parts = [body.text] if body.html is None else [body.text, _TAGS.sub(" ", body.html)]
    first, secrets = facts.first_contact is not False, _secrets(regime, verified=facts.identity_verified)
    found: list[str] = []
    for part in parts:
        shown = f"{body.subject or ''} {part}"
        found += missing_disclosures(shown, locale, regime, first=first)
        found += _told_too_much(shown, secrets)
        found += _carriers(part, regime)
    return tuple(dict.fromkeys(found))


def _told_too_much(text: str, secrets: tuple[_Telling, ...]) -> list[str]:
    if not secrets:
        return []
    given = told(text)
    return [f"{one.rule}/{field}" for one in secrets for field in sorted(one.fields & given)]


@lru_cache(maxsize=4096)
def _secrets(regime: Regime, *, verified: bool) -> tuple[_Telling, ...]:
    found = [_Telling(frozenset(one.params.deny_fields), one.id) for one in regime.of(p.DataMinimum)]
    if not verified:
        found += [_Telling(one.params.verify_before, one.id) for one in regime.of(p.IdentityGate)]
    if regime.kind.medium in _OPEN:
        found.append(_Telling(frozenset({"debt_exists", "amount", "dpd"}), NEUTRAL))
    return tuple(one for one in found if one.fields)


def _carriers(text: str, regime: Regime) -> list[str]:
    return [f"{one.id}/{fault}" for one in regime.of(p.Carrier) for fault in _carrier_faults(text, one.params) if fault]


def _carrier_faults(text: str, carrier: p.Carrier) -> tuple[str | None, ...]:
    banned = any(topic in text for topic in carrier.banned_topics)
    return (
        "signature" if carrier.signature and not _SIGNED.fullmatch(text.strip()) else None,
        "length" if carrier.max_chars is not None and len(text) > carrier.max_chars else None,
        "topic" if banned else None,
    )


def _refusal(regime: Regime, wrong: tuple[str, ...]) -> Verdict:
    rules = tuple(dict.fromkeys(one.partition("/")[0] for one in wrong))
    return Verdict(
        decision=Decision.SUPPRESS,
        rules=rules,
        # Another channel has other words.
        next_channel=True,
        packs=regime.packs,
        citations=_cited(regime, rules),
        facts={"words": list(wrong)},
    )


def _cited(regime: Regime, rules: tuple[str, ...]) -> tuple[Citation, ...]:
    return tuple(dict.fromkeys(one.citation for one in regime.bound if one.id in rules))
