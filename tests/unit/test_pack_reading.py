"""A pack is right or refused: every mistake is told with file and key, all of them in one look."""

import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.policy.packs.difference import Change, How, changes
from duecourse.policy.packs.headings import OnFail, RuleType
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.periods import Hours, Period
from duecourse.policy.packs.reading import Part, read_pack
from duecourse.policy.packs.vocabulary import Day
from duecourse.policy.packs.writing import plain, said
from duecourse.settings.packs import load_packs

CONFIG = Path(__file__).parents[2] / "config"
GOOD: dict[str, Any] = {
    "pack": {"id": "xy", "version": "1.0.0", "as_of": date(2026, 1, 1), "jurisdiction": {"country": "TH"}},
    "sources": {"act": {"title": "Act", "kind": "statute", "status": "in_force", "grade": "B"}},
    "rules": [
        {
            "id": "xy.hours",
            "type": "contact_window",
            "source": "act",
            "params": {"allow": [{"days": ["mon", "sun"], "from": "08:00", "to": "24:00"}]},
        },
        {
            "id": "xy.cap",
            "type": "frequency_cap",
            "source": "act",
            "params": {"unit": "attempt", "max": 3, "window": {"kind": "week"}, "scope": "debtor"},
        },
        {
            "id": "xy.keep",
            "type": "retention",
            "source": "act",
            "params": {"object": "consent_proof", "min": "P1Y6M", "max": "P900D"},
        },
    ],
}
WORDS = ["pack", "id", "type", "source", "params", "allow", "days", "from", "window", "kind", "title", "when", "fact"]


def changed(path: str, value: Any) -> dict[str, Any]:
    """GOOD with something else at `a.b.0.c`; None takes it away."""
    tables = copy.deepcopy(GOOD)
    *above, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    at: Any = tables
    for step in above:
        at = at.setdefault(step, {}) if isinstance(at, dict) else at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return tables


def complaints(*values: dict[str, Any]) -> list[str]:
    parts = [Part(f"xy{f'.{place}' if place else ''}.toml", part) for place, part in enumerate(values)]
    reading = read_pack(parts)
    assert (reading.pack is None) == bool(reading.errors)
    return [str(error) for error in reading.errors]


def read(values: dict[str, Any]) -> Pack:
    pack = read_pack([Part("xy.toml", values)]).pack
    assert pack is not None
    return pack


def test_tables_become_a_pack() -> None:
    pack = read(GOOD)
    hours, cap, keep = pack.rules
    assert hours.params.allow == (Hours(days=frozenset({Day.MON, Day.SUN}), start=480, end=1440),)  # type: ignore[union-attr]
    assert (hours.on_fail, cap.on_fail) == (OnFail.DEFER, OnFail.BLOCK)
    assert (keep.params.min, keep.params.max) == (Period(months=18), Period(days=900))  # type: ignore[union-attr]
    assert pack.name == "xy@1.0.0"


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("pack", None, "pack: is missing"),
        ("pack.id", None, "pack.id: is missing"),
        ("pack.id", "X Y", "pack.id: must be small letters"),
        ("pack.version", 1, "pack.version: must be text"),
        ("pack.version", "1", "pack.version: must be three numbers"),
        ("pack.as_of", "2026-01-01", "pack.as_of: must be a date"),
        ("pack.kind", "law", "pack.kind: unknown: 'law'; must be one of jurisdiction, house"),
        ("pack.jurisdiction", {}, "pack.jurisdiction: must name either a country or countries"),
        ("pack.jurisdiction.country", "XX", "pack.jurisdiction: 'XX' is no country"),
        ("pack.jurisdiction.countries", ["TH"], "pack.jurisdiction: must name either a country or countries"),
        ("pack.jurisdiction.subdivision", "Bangkok", "pack.jurisdiction.subdivision: must be what follows the hyphen"),
        ("pack.kind", "house", "pack.jurisdiction: must be absent"),
        ("pack.applies_to", {"actor_role": ["assignee"]}, "pack.applies_to.actor_role: unknown key; did you mean"),
        ("pack.applies_to", {"links": ["home"]}, "pack.applies_to.links[0]: unknown: 'home'; must be one of residence"),
        ("timezone", {"anchor": "fixed"}, "timezone.zone: must be there if anchor is fixed"),
        ("timezone", {"zone": "Asia/Bangkok"}, "timezone.zone: must be there if anchor is fixed, and only then"),
        ("timezone", {"anchor": "fixed", "zone": "Bangkok"}, "timezone.zone: 'Bangkok' is no IANA zone"),
        ("timezone", {"evidence": []}, "timezone.evidence: must not be empty"),
        ("calendars", {"public_holidays": "thai"}, "calendars.public_holidays: must be a country"),
        ("source", {}, "source: unknown key; did you mean 'sources'?"),
        ("sources", [], "sources: must be tables"),
        ("sources.act.titel", "A", "sources.act.titel: unknown key; did you mean 'title'?"),
        ("sources.act.id", "act", "sources.act.id: unknown key"),
        ("sources.act.title", None, "sources.act.title: is missing"),
        ("sources.act.title", " ", "sources.act.title: must not be empty"),
        ("sources.act.grade", "D", "sources.act.grade: unknown: 'D'; must be one of A, B, C, M-h, M-m, M-l"),
        ("sources.act.verification", "text_read", "sources.act.verification: must be secondary for grade B"),
        ("sources.act.url", "http://x.org", "sources.act.url: must begin with https://"),
        ("sources.Act 2", {}, "sources.Act 2: must be small letters"),
        ("rules", {}, "rules: must be a list"),
        ("rules.0.type", None, "rules[xy.hours].type: is missing; must be one of contact_window"),
        ("rules.0.type", "window", "rules[xy.hours].type: unknown: 'window'; must be one of contact_window"),
        ("rules.0.id", "Hours!", "rules[Hours!].id: must be small letters"),
        ("rules.1.id", "xy.hours", "rules[xy.hours].id: is there twice"),
        ("rules.0.id", None, "rules[0].id: is missing"),
        ("rules.0.source", "law", "rules[xy.hours].source: unknown: 'law'; the pack's sources are act"),
        ("rules.0.grade", "B", "rules[xy.hours].grade: is the source's own"),
        ("rules.0.channels", ["telex"], "rules[xy.hours].channels[0]: unknown: 'telex'; must be one of sms"),
        ("rules.0.channels", ["sms", "sms"], "rules[xy.hours].channels: names sms twice"),
        ("rules.0.channels", "sms", "rules[xy.hours].channels: must be a list"),
        ("rules.0.on_fails", "block", "rules[xy.hours].on_fails: unknown key; did you mean 'on_fail'?"),
        ("rules.0.when", [{"fact": "dpd", "op": "=", "value": 1}], "rules[xy.hours].when[0].op: unknown: '='"),
        ("rules.0.when", [{"fact": "dpd", "op": "<", "value": 1.5}], "when[0].value: must be a whole number or text"),
        ("rules.0.when", [{"fact": "dpd", "op": "<", "value": "9"}], "[0].value: must be a whole number: dpd is"),
        ("rules.0.when", [{"fact": "dpd", "op": "<", "value": True}], "[0].value: must be a whole number: dpd is"),
        (
            "rules.0.when",
            [{"fact": "underage", "op": "==", "value": 1}],
            "[0].value: must be true or false: underage is",
        ),
        ("rules.0.when", [{"fact": "product", "op": "<", "value": "x"}], "[0].op: must be == or !=: product is text"),
        ("rules.0.params", {}, "rules[xy.hours].params.allow: is missing"),
        ("rules.0.params", [], "rules[xy.hours].params: must be a table"),
        ("rules.0.params.allow", [], "rules[xy.hours].params.allow: must not be empty"),
        ("rules.0.params.allow.0", "08:00-22:00", "rules[xy.hours].params.allow[0]: must be a table"),
        ("rules.0.params.allow.0.from", "8:00", "params.allow[0].from: must be a time like"),
        ("rules.0.params.allow.0.to", "24:01", "params.allow[0].to: must be a time like"),
        ("rules.0.params.allow.0.to", "08:00", "params.allow[0].to: must be later than from"),
        ("rules.0.params.allow.0.days", [], "params.allow[0].days: must not be empty"),
        ("rules.0.params.allow.0.days", ["day"], "params.allow[0].days[0]: unknown: 'day'; must be one of mon"),
        ("rules.0.params.allow.0.to", None, "params.allow[0].to: is missing"),
        ("rules.0.params.allow.0.until", "9", "params.allow[0].until: unknown key"),
        ("rules.1.params.max", -1, "rules[xy.cap].params.max: must be from 0"),
        ("rules.1.params.max", True, "rules[xy.cap].params.max: must be a whole number"),
        ("rules.1.params.window.n", 2, "rules[xy.cap].params.window.n: must be 1"),
        ("rules.1.params.window", {"kind": "consecutive_days", "n": 0}, "params.window.n: must be from 1 to 366"),
        ("rules.1.params.per_channel", "yes", "rules[xy.cap].params.per_channel: must be true or false"),
        ("rules.2.params.min", "2 years", "rules[xy.keep].params.min: must be years, months, days"),
        ("rules.2.params.max", "P1Y", "rules[xy.keep].params.max: must not be less than min"),
        ("rules.2.effective_to", "soon", "rules[xy.keep].effective_to: must be a date"),
    ],
)
def test_a_mistake_is_told_with_file_and_key(path: str, value: Any, complaint: str) -> None:
    found = complaints(changed(path, value))
    assert any(complaint in one for one in found), found
    assert all(one.startswith("xy.toml: ") for one in found)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"type": "cooldown", "params": {"after": "dispute", "days": 0}}, "params.days: must be from 1 to 366"),
        (
            {"type": "stop_trigger", "params": {"event": "death", "effect": "route_to"}},
            "params.route_to: must be there",
        ),
        ({"type": "disclosure", "params": {"when": "every", "fragments": []}}, "params.fragments: must not be empty"),
        (
            {"type": "disclosure", "params": {"when": "every", "fragments": [{"id": "a", "lang": "en"}]}},
            "params.fragments[0]: must have either text or regex",
        ),
        (
            {"type": "disclosure", "params": {"when": "every", "fragments": [{"id": "a", "lang": "en", "regex": "("}]}},
            "params.fragments[0].regex: is no regular expression",
        ),
        (
            {"type": "third_party", "params": {"allowed_parties": ["spouse"], "locate": {"parties": ["spouse"]}}},
            "params.locate.parties: spouse: the debt may be spoken of with them",
        ),
        ({"type": "retention", "params": {"object": "x"}}, "params.min: or max must be there"),
        ({"type": "condition", "params": {"all": []}}, "params.all: must not be empty"),
        ({"type": "complaint_sla", "params": {"stages": []}}, "params.stages: must not be empty"),
        ({"type": "consent", "params": {"basis": []}}, "params.basis: must not be empty"),
        ({"effective_from": date(2026, 1, 2), "effective_to": date(2026, 1, 2)}, "effective_to: must be later"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule: dict[str, Any], complaint: str) -> None:
    good = {"id": "xy.rule", "type": "recording", "source": "act"}
    assert f"xy.toml: rules[xy.rule].{complaint}" in "\n".join(complaints(GOOD | {"rules": [good | rule]}))


def test_all_mistakes_are_told_at_once() -> None:
    tables = changed("pack.version", "new")
    tables["sources"]["act"]["grade"] = "Z"
    tables["rules"][0]["params"]["allow"][0]["from"] = "late"
    tables["rules"][2]["colour"] = "red"
    found = complaints(tables)
    keys = [one.split(": ")[1] for one in found]
    assert keys == [
        "sources.act.grade",
        "rules[xy.hours].params.allow[0].from",
        "rules[xy.keep].colour",
        "pack.version",
    ]


def test_a_further_file_holds_sources_and_rules_only_and_is_blamed_by_its_own_name() -> None:
    assert complaints(GOOD, {"rules": [GOOD["rules"][0] | {"id": "xy.more"}]}) == []
    twice = complaints(GOOD, {"rules": [GOOD["rules"][0]], "sources": GOOD["sources"], "pack": {}})
    assert [one.split(": ")[:2] for one in twice] == [
        ["xy.1.toml", "sources.act"],
        ["xy.1.toml", "pack"],
        ["xy.1.toml", "rules[xy.hours].id"],
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | st.datetimes(),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(WORDS), below, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_nothing_in_a_file_is_worse_than_a_complaint(data: st.DataObject) -> None:
    tables = copy.deepcopy(GOOD)
    at: Any = tables
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not at[key] or not isinstance(at[key], dict | list) or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(VALUES)
    reading = read_pack([Part("xy.toml", tables)])
    assert (reading.pack is None) == bool(reading.errors)
    assert all(error.file == "xy.toml" and error.key and error.problem for error in reading.errors)


@pytest.mark.parametrize("kind", RuleType)
def test_every_type_of_rule_refuses_a_parameter_that_it_does_not_know(kind: RuleType) -> None:
    rule = {"id": "xy.rule", "type": kind.value, "source": "act", "params": {"nonsense": 1}}
    assert any("rules[xy.rule].params.nonsense: unknown key" in one for one in complaints(GOOD | {"rules": [rule]}))


@pytest.mark.parametrize("pack", load_packs(CONFIG), ids=lambda pack: pack.id)
def test_what_is_written_reads_back_as_the_same_pack(pack: Pack) -> None:
    again = read_pack([Part("again.toml", plain(pack))])
    assert (again.pack, again.errors) == (pack, ())
    assert changes(pack, pack) == ()


def test_a_difference_is_told_rule_by_rule_and_key_by_key() -> None:
    newer = changed("rules.1.params.max", 2)
    newer["pack"]["version"] = "1.1.0"
    newer["rules"][1]["strength"] = "recommend"
    newer["rules"][2]["id"] = "xy.kept"
    found = changes(read(GOOD), read(newer))
    assert found == (
        Change(place="pack", id="", how=How.CHANGED, key="version", before="1.0.0", after="1.1.0"),
        Change(place="rule", id="xy.cap", how=How.CHANGED, key="params.max", before=3, after=2),
        Change(place="rule", id="xy.cap", how=How.ADDED, key="strength", before=None, after="recommend"),
        Change(place="rule", id="xy.keep", how=How.REMOVED),
        Change(place="rule", id="xy.kept", how=How.ADDED),
    )
    assert Change(
        place="rule", id="xy.cap", how=How.REMOVED, key="strength", before="recommend", after=None
    ) in changes(read(newer), read(GOOD))


def test_values_are_said_as_a_file_would() -> None:
    value = {"days": ["mon"], "max": 3, "show": True, "since": date(2026, 1, 1)}
    assert said(value) == '{days = ["mon"], max = 3, show = true, since = 2026-01-01}'
