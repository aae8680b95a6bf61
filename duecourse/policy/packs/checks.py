"""What a pack's parts must be beyond their types: what contradicts itself is refused before anybody relies on it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from duecourse.domain.territories import is_country
from duecourse.domain.zones import find_zone
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import Comparison, ConditionFact, StopEffect, WindowKind
from duecourse.policy.packs.fields import BAD, Reader
from duecourse.policy.packs.headings import Anchor, Grade, PackKind, Verification
from duecourse.policy.packs.model import Calendars, Rule, Source, TimezoneRule

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_RULE_ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")
_CALENDAR = re.compile(r"([A-Z]{2})(-[A-Z0-9]{1,3})?")
#: What somebody did to deserve the grade.
_VERIFIED_BY = {
    Grade.A: Verification.TEXT_READ,
    Grade.B: Verification.SECONDARY,
    Grade.C: Verification.SECONDARY,
    Grade.MEMORY_HIGH: Verification.MEMORY,
    Grade.MEMORY_MEDIUM: Verification.MEMORY,
    Grade.MEMORY_LOW: Verification.MEMORY,
}
_MOST_DAYS = 366
#: What the facts of conditions are that are no whole numbers.
_COMPARED: dict[ConditionFact, tuple[type, str]] = {
    ConditionFact.PRODUCT: (str, "text"),
    ConditionFact.UNDERAGE: (bool, "true or false"),
}
_SAME = frozenset({Comparison.EQ, Comparison.NE})

Complaint = tuple[str, str]
"""A key below the rule, and what is wrong with it."""


def check_head(head: Any, reader: Reader) -> None:
    """`[pack]`: names, and a jurisdiction unless it is the house's."""
    if not _ID.fullmatch(head.id):
        reader.refuse("pack.id", "must be small letters and digits with hyphens between, like cn-mainland")
    if not _VERSION.fullmatch(head.version):
        reader.refuse("pack.version", f'must be three numbers like "1.0.0", not {head.version!r}')
    where = head.jurisdiction
    if head.kind is not PackKind.HOUSE:
        _check_place(where, reader, "pack.jurisdiction")
    elif where.country or where.subdivision or where.countries:
        reader.refuse("pack.jurisdiction", "must be absent: a house pack applies everywhere")


def _check_place(where: Any, reader: Reader, key: str) -> None:
    if bool(where.country) == bool(where.countries):
        reader.refuse(key, "must name either a country or countries")
    if where.subdivision and not (where.country and _SUBDIVISION.fullmatch(where.subdivision)):
        reader.refuse(f"{key}.subdivision", "must be what follows the hyphen in ISO 3166-2, below a country: SP")
    for code in sorted({*where.countries, where.country} - {None}):
        if not is_country(code):
            reader.refuse(key, f"{code!r} is no country: ISO 3166-1 alpha-2 in capitals, like US")


def check_timezone(rule: TimezoneRule, reader: Reader) -> None:
    if rule.zone and not find_zone(rule.zone):
        reader.refuse("timezone.zone", f"{rule.zone!r} is no IANA zone like Asia/Shanghai")
    if (rule.anchor is Anchor.FIXED) != bool(rule.zone):
        reader.refuse("timezone.zone", "must be there if anchor is fixed, and only then")
    if not rule.evidence:
        reader.refuse("timezone.evidence", "must not be empty")


def check_calendars(calendars: Calendars, reader: Reader) -> None:
    match = _CALENDAR.fullmatch(calendars.public_holidays or "US")
    if not match or not is_country(match[1]):
        reader.refuse("calendars.public_holidays", "must be a country or a part of it, like CN or BR-SP")


def check_source(source: Source, reader: Reader, key: str) -> None:
    if source.verification not in {None, _VERIFIED_BY[source.grade]}:
        fitting = _VERIFIED_BY[source.grade]
        reader.refuse(f"{key}.verification", f"must be {fitting} for grade {source.grade}")
    if source.url and not source.url.startswith("https://"):
        reader.refuse(f"{key}.url", "must begin with https://")
    _check_dates(source, reader, key)


def check_rule(rule: Rule, reader: Reader, key: str, sources: Mapping[str, Any]) -> None:
    """One rule against its source and itself."""
    if not _RULE_ID.fullmatch(rule.id):
        reader.refuse(f"{key}.id", "must be small letters and digits with . - or _ between, like cn.window.default")
    source = sources.get(rule.source)
    if source is None:
        known = ", ".join(sorted(sources)) or "none"
        reader.refuse(f"{key}.source", f"unknown: {rule.source!r}; the pack's sources are {known}")
    elif source is not BAD and rule.grade is source.grade:
        reader.refuse(f"{key}.grade", "is the source's own: leave it out")
    _check_dates(rule, reader, key)
    for below, problem in _conditions("when", rule.when):
        reader.refuse(f"{key}.{below}", problem)
    for below, problem in _COMPLAINTS.get(type(rule.params), _none)(rule.params):
        reader.refuse(f"{key}.params.{below}", problem)


def _check_dates(dated: Source | Rule, reader: Reader, key: str) -> None:
    if dated.effective_from and dated.effective_to and dated.effective_to <= dated.effective_from:
        reader.refuse(f"{key}.effective_to", "must be later than effective_from")


def _none(_: Any) -> Iterator[Complaint]:
    yield from ()


def _window(window: p.ContactWindow) -> Iterator[Complaint]:
    if not window.allow:
        yield "allow", "must not be empty: no hour at all would be allowed"


def _cap(cap: p.FrequencyCap) -> Iterator[Complaint]:
    if not 1 <= cap.window.n <= _MOST_DAYS:
        yield "window.n", f"must be from 1 to {_MOST_DAYS}"
    if cap.window.kind is not WindowKind.CONSECUTIVE_DAYS and cap.window.n != 1:
        yield "window.n", "must be 1: for several days write consecutive_days"


def _cooldown(cooldown: p.Cooldown) -> Iterator[Complaint]:
    if not 1 <= cooldown.days <= _MOST_DAYS:
        yield "days", f"must be from 1 to {_MOST_DAYS}"


def _stop(stop: p.StopTrigger) -> Iterator[Complaint]:
    if (stop.effect is StopEffect.ROUTE_TO) != bool(stop.route_to):
        yield "route_to", "must be there if effect is route_to, and only then"


def _retention(kept: p.Retention) -> Iterator[Complaint]:
    if not kept.min and not kept.max:
        yield "min", "or max must be there"
    elif kept.min and kept.max and kept.max.about_days < kept.min.about_days:
        yield "max", "must not be less than min"


def _disclosure(disclosure: p.Disclosure) -> Iterator[Complaint]:
    if not disclosure.fragments:
        yield "fragments", "must not be empty"
    for place, fragment in enumerate(disclosure.fragments):
        if bool(fragment.text) == bool(fragment.regex):
            yield f"fragments[{place}]", "must have either text or regex"
        elif fragment.regex and not _is_regex(fragment.regex):
            yield f"fragments[{place}].regex", "is no regular expression"


def _is_regex(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _third_party(rule: p.ThirdParty) -> Iterator[Complaint]:
    if rule.locate and rule.locate.parties & rule.allowed_parties:
        both = ", ".join(sorted(rule.locate.parties & rule.allowed_parties))
        yield "locate.parties", f"{both}: the debt may be spoken of with them, so nobody need be asked for"


def _needed(rule: p.ConditionNeeded) -> Iterator[Complaint]:
    if not rule.all:
        yield "all", "must not be empty"
    yield from _conditions("all", rule.all)


def _conditions(key: str, conditions: Iterable[p.Condition]) -> Iterator[Complaint]:
    """One that compares what cannot be compared would hold up every contact of the pack."""
    for place, one in enumerate(conditions):
        kind, named = _COMPARED.get(one.fact, (int, "a whole number"))
        if type(one.value) is not kind:
            yield f"{key}[{place}].value", f"must be {named}: {one.fact} is"
        elif kind is not int and one.op not in _SAME:
            yield f"{key}[{place}].op", f"must be == or !=: {one.fact} is {named}"


def _sla(rule: p.ComplaintSla) -> Iterator[Complaint]:
    if not rule.stages:
        yield "stages", "must not be empty"


def _consent(rule: p.ConsentNeeded) -> Iterator[Complaint]:
    if not rule.basis:
        yield "basis", "must not be empty"


_COMPLAINTS: dict[type[Any], Callable[[Any], Iterator[Complaint]]] = {
    p.ContactWindow: _window,
    p.FrequencyCap: _cap,
    p.Cooldown: _cooldown,
    p.StopTrigger: _stop,
    p.Retention: _retention,
    p.Disclosure: _disclosure,
    p.ThirdParty: _third_party,
    p.ConditionNeeded: _needed,
    p.ComplaintSla: _sla,
    p.ConsentNeeded: _consent,
}
