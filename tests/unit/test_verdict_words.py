"""Every verdict can be said in a sentence that names the hour, the rule and its source."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from duecourse.domain.vocabulary import Decision
from duecourse.policy.gate import POLICY_ERROR
from duecourse.policy.packs.headings import RuleType
from duecourse.policy.packs.model import PARAMS_OF, Pack
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Day
from duecourse.policy.rule_words import BUILT_IN, OPENINGS, days_in_words, hours_in_words, rule_in_words
from duecourse.policy.rules import RULES
from duecourse.policy.sifting import PREFERRED_HOURS
from duecourse.policy.text_gate import NEUTRAL
from duecourse.policy.words import verdict_in_words
from duecourse.settings.packs import load_packs

ROOT = Path(__file__).resolve().parents[2]
PACKS = load_packs(ROOT / "config")
RULES_OF_PACKS = [(pack, rule) for pack in PACKS for rule in pack.rules]
WEEK = frozenset({Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI})
GBT = {"rule": "cn.window.default", "source": "GB/T 45251-2025", "pinpoint": "5.3"}


def name_of(pack_id: str) -> str:
    return next(pack.name for pack in PACKS if pack.id == pack_id)


def record(**changed: Any) -> dict[str, Any]:
    """22:14 in Shanghai, as the gate's verdict on it is kept."""
    facts = {"now": "2026-12-01T14:14:00+00:00", "time_zone": "Asia/Shanghai"}
    verdict = {
        "decision": "defer",
        "rules": ["cn.window.default"],
        "until": "2026-12-02T00:00:00+00:00",
        "packs": [name_of("cn-mainland")],
        "citations": [GBT],
        "facts": facts,
    }
    return verdict | changed


def test_a_deferral_says_the_hour_the_window_the_source_and_the_next_hour() -> None:
    assert verdict_in_words(record(), PACKS) == (
        "not sent: 22:14 in Asia/Shanghai is outside 08:00-22:00, GB/T 45251-2025 5.3; next allowed 08:00"
    )


def test_a_wait_of_more_than_a_day_names_the_day() -> None:
    later = verdict_in_words(record(until="2026-12-07T00:00:00+00:00"), PACKS)
    assert later.endswith("; next allowed Mon 2026-12-07 08:00")


def test_two_sources_of_one_reason_are_named_together() -> None:
    cba = GBT | {"rule": "cn.window.cba", "source": "CBA 2026", "pinpoint": None}
    both = record(rules=["cn.window.default", "cn.window.cba"], citations=[GBT, cba])
    assert ", GB/T 45251-2025 5.3 and CBA 2026; next" in verdict_in_words(both, PACKS)


def test_hours_are_told_only_from_the_version_that_decided() -> None:
    other = record(packs=["cn-mainland@0.0.1"])
    assert verdict_in_words(other, PACKS) == (
        "not sent: rule cn.window.default, GB/T 45251-2025 5.3; next allowed 08:00"
    )


def test_the_zone_that_stands_in_the_way_is_the_one_that_is_named() -> None:
    facts = {
        "now": "2026-12-01T13:30:00+00:00",
        "time_zone": "America/New_York",
        "candidate_zones": ["America/Los_Angeles"],
    }
    two = record(rules=["us.regf.hours"], packs=[name_of("us-federal")], citations=[], facts=facts, until=None)
    assert verdict_in_words(two, PACKS) == "not sent: 05:30 in America/Los_Angeles is outside 08:00-21:00"


def test_a_day_of_the_week_is_named_where_it_matters() -> None:
    facts = {"now": "2026-12-06T03:00:00+00:00", "time_zone": "Asia/Jakarta"}
    sunday = record(rules=["id.window"], packs=[name_of("id")], citations=[], facts=facts, until=None)
    assert verdict_in_words(sunday, PACKS) == "not sent: Sun 10:00 in Asia/Jakarta is outside Mon-Sat 08:00-20:00"


def test_an_hour_that_is_right_but_for_the_day_is_said_to_be_a_holidays() -> None:
    facts = {"now": "2026-08-17T03:00:00+00:00", "time_zone": "Asia/Jakarta"}
    holiday = record(rules=["id.window"], packs=[name_of("id")], citations=[], facts=facts, until=None)
    assert verdict_in_words(holiday, PACKS) == (
        "not sent: Mon 10:00 in Asia/Jakarta is perhaps a public holiday, and outside Mon-Sat 08:00-20:00"
    )


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ({"decision": "suppress", "rules": ["opted-out"]}, "not sent: the borrower asked us to stop"),
        ({"decision": "cancel", "rules": ["paid"]}, "cancelled: nothing is left to pay of what was due"),
        ({"decision": "allow", "rules": ["paid", "hold"]}, "allowed"),
        ({"decision": "allow", "rules": [], "evidence": ["a-1"]}, "allowed: by agreement or consent a-1"),
        (
            {"decision": "allow", "rules": [], "requires": ["content:x.a", "content:x.b", "neutral:lock-screen"]},
            "allowed: it must keep to the rules on content (x.a, x.b), neutral (lock-screen)",
        ),
        ({"decision": "review", "rules": ["x.y"]}, "kept for a person to look at: rule x.y"),
        ({"decision": "allow", "rules": [], "warnings": ["x.y"]}, "allowed: against the advice of x.y"),
    ],
)
def test_what_an_old_verdict_does_not_hold_is_left_out(verdict: dict[str, Any], words: str) -> None:
    assert verdict_in_words(verdict, PACKS) == words


def test_no_rule_of_the_gate_itself_lacks_words() -> None:
    outside = {POLICY_ERROR, PREFERRED_HOURS, NEUTRAL, "template-error", "render-error"}
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "duecourse" / "usecases").glob("*.py"))
    in_use_cases = set(re.findall(r'rules=\("([a-z-]+)",\)', sources))
    assert "no-route" in in_use_cases
    assert sorted((set(RULES) | outside | in_use_cases) - set(BUILT_IN)) == []


def test_what_of_a_text_broke_a_rule_is_named() -> None:
    facts = {"words": ["neutral/amount", "neutral/debt_exists", "cn.sms.signature"]}
    told = {"decision": "suppress", "rules": ["neutral", "cn.sms.signature"], "facts": facts}
    assert verdict_in_words(told) == (
        "not sent: strangers may see or hear it, and it would tell of a debt (in its text: amount, debt exists);"
        " rule cn.sms.signature"
    )


def test_no_type_of_rule_and_no_decision_lacks_words() -> None:
    assert {rule.type for _, rule in RULES_OF_PACKS} | set(PARAMS_OF) == set(RuleType)
    assert set(OPENINGS) == set(Decision)


@pytest.mark.parametrize(("pack", "rule"), RULES_OF_PACKS, ids=lambda one: getattr(one, "id", None))
def test_each_rule_of_each_pack_has_words_of_its_own(pack: Pack, rule: Any) -> None:
    words = rule_in_words(rule)
    assert words, f"{pack.id}: {rule.id}"
    assert not any(sign in words for sign in ("frozenset", "None", "{", "<", "_")) or rule.type is RuleType.CONDITION


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (frozenset(Day), ""),
        (WEEK, "Mon-Fri"),
        (WEEK | {Day.HOLIDAY}, "Mon-Fri, holidays"),
        (WEEK | {Day.SAT, Day.SUN}, "except on holidays"),
        (frozenset({Day.SAT, Day.SUN, Day.HOLIDAY}), "Sat, Sun, holidays"),
        (frozenset({Day.MON, Day.WED, Day.THU}), "Mon, Wed, Thu"),
    ],
)
def test_kinds_of_day_are_named_as_people_name_them(days: frozenset[Day], words: str) -> None:
    assert days_in_words(days) == words


def test_hours_of_several_kinds_of_day_are_listed() -> None:
    spans = [
        Hours(days=WEEK, start=9 * 60, end=12 * 60),
        Hours(days=WEEK, start=13 * 60, end=1440),
        Hours(days=frozenset({Day.SAT}), start=485, end=600),
    ]
    assert hours_in_words(spans) == "Mon-Fri 09:00-12:00 and 13:00-24:00, Sat 08:05-10:00"
    assert hours_in_words([]) == "no hour at all"


def test_the_words_of_any_instant_can_be_made() -> None:
    assert verdict_in_words(record(facts={"now": datetime(2026, 12, 1, tzinfo=UTC).isoformat()}), PACKS)
