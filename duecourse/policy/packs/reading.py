"""The tables of a pack's files become a pack, or a list of everything that is wrong with them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

from duecourse.domain.errors import ConfigError
from duecourse.policy.packs import checks
from duecourse.policy.packs.fields import BAD, Reader
from duecourse.policy.packs.headings import OnFail, PackKind, RuleType
from duecourse.policy.packs.model import PARAMS_OF, Applicability, Calendars, Pack, Rule, Source, TimezoneRule

_MAIN = ("pack", "timezone", "calendars", "sources", "rules")
_FURTHER = ("sources", "rules")
#: What a rule demands when it fails, where the file says nothing: hours are waited for, all else is a no.
_WAITS = frozenset({RuleType.CONTACT_WINDOW, RuleType.CARRIER})
_SOURCE_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


class Part(NamedTuple):
    """One file of a pack."""

    file: str
    values: Mapping[str, Any]


class PackReading(NamedTuple):
    """Either the pack, or why there is none."""

    pack: Pack | None
    errors: tuple[ConfigError, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Jurisdiction:
    country: str | None = None
    subdivision: str | None = None
    countries: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Head:
    """The table `[pack]`."""

    id: str
    version: str
    as_of: date
    title: str = ""
    kind: PackKind = PackKind.JURISDICTION
    jurisdiction: _Jurisdiction = field(default_factory=_Jurisdiction)
    applies_to: Applicability = field(default_factory=Applicability)


class _First(NamedTuple):
    """What only a pack's first file holds; each is BAD where it was refused."""

    head: Any
    timezone: Any
    calendars: Any


def read_pack(parts: Sequence[Part]) -> PackReading:
    """One pack from its files: the first has `[pack]`, further ones hold only sources and rules.

    Every complaint names file and key; unknown keys are refused; an unknown word is answered with the known ones.
    """
    readers = [Reader(part.file) for part in parts]
    sources = _sources(parts, readers)
    rules = [
        rule
        for part, reader in zip(parts, readers, strict=True)
        for rule in _rules(part.values.get("rules", []), reader, sources)
    ]
    first = _first_tables(parts, readers)
    _refuse_twins(parts, readers)
    errors = tuple(chain.from_iterable(reader.errors for reader in readers))
    if errors:
        return PackReading(None, errors)
    return PackReading(_pack(first, sources, rules), ())


def _first_tables(parts: Sequence[Part], readers: Sequence[Reader]) -> _First:
    main, reader = parts[0].values, readers[0]
    for place, (part, one) in enumerate(zip(parts, readers, strict=True)):
        one.unknown(part.values, _FURTHER if place else _MAIN, "")
    head = reader.build(_Head, main["pack"], "pack") if "pack" in main else reader.refuse("pack", "is missing")
    zone = reader.build(TimezoneRule, main.get("timezone", {}), "timezone")
    calendars = reader.build(Calendars, main.get("calendars", {}), "calendars")
    if head is not BAD:
        checks.check_head(head, reader)
    if zone is not BAD:
        checks.check_timezone(zone, reader)
    if calendars is not BAD:
        checks.check_calendars(calendars, reader)
    return _First(head, zone, calendars)


def _sources(parts: Sequence[Part], readers: Sequence[Reader]) -> dict[str, Source | Any]:
    """Of all files together; a refused one is BAD, so that its rules are not blamed for naming it."""
    found: dict[str, Any] = {}
    for part, reader in zip(parts, readers, strict=True):
        tables = part.values.get("sources", {})
        if not isinstance(tables, Mapping):
            reader.refuse("sources", "must be tables: [sources.name]")
            continue
        for name, values in tables.items():
            key = f"sources.{name}"
            if name in found:
                reader.refuse(key, "is there twice")
            if not _SOURCE_ID.fullmatch(name):
                reader.refuse(key, "must be small letters, digits, - and _")
            found[name] = reader.build(Source, values, key, given={"id": name})
            if found[name] is not BAD:
                checks.check_source(found[name], reader, key)
    return found


def _rules(tables: Any, reader: Reader, sources: Mapping[str, Any]) -> list[Rule]:
    if not isinstance(tables, list):
        reader.refuse("rules", "must be a list: [[rules]]")
        return []
    rules = [_rule(table, reader, _key(table, place)) for place, table in enumerate(tables)]
    for place, rule in enumerate(rules):
        if rule is not BAD:
            checks.check_rule(rule, reader, _key(tables[place], place), sources)
    return [rule for rule in rules if rule is not BAD]


def _key(table: Any, place: int) -> str:
    """A rule is best found by its id."""
    name = table.get("id") if isinstance(table, Mapping) else None
    return f"rules[{name}]" if isinstance(name, str) and name else f"rules[{place}]"


def _rule(table: Any, reader: Reader, key: str) -> Any:
    if not isinstance(table, Mapping):
        return reader.refuse(key, "must be a table")
    if "type" not in table:
        return reader.refuse(f"{key}.type", "is missing; must be one of " + ", ".join(RuleType))
    kind = reader.read(RuleType, table["type"], f"{key}.type")
    if kind is BAD:
        return BAD
    usual = {"on_fail": OnFail.DEFER if kind in _WAITS else OnFail.BLOCK}
    params = reader.build(PARAMS_OF[kind], table.get("params", {}), f"{key}.params")
    written = {name: value for name, value in table.items() if name != "params"}
    return reader.build(Rule, usual | written, key, given={"params": params})


def _refuse_twins(parts: Sequence[Part], readers: Sequence[Reader]) -> None:
    seen: set[str] = set()
    for part, reader in zip(parts, readers, strict=True):
        tables = part.values.get("rules", [])
        for place, table in enumerate(tables if isinstance(tables, list) else ()):
            name = table.get("id") if isinstance(table, Mapping) else None
            if isinstance(name, str) and name in seen:
                reader.refuse(f"{_key(table, place)}.id", "is there twice")
            seen.add(str(name))


def _pack(first: _First, sources: dict[str, Any], rules: list[Rule]) -> Pack:
    head = first.head
    return Pack(
        id=head.id,
        version=head.version,
        as_of=head.as_of,
        title=head.title,
        kind=head.kind,
        country=head.jurisdiction.country,
        subdivision=head.jurisdiction.subdivision,
        countries=head.jurisdiction.countries,
        applies_to=head.applies_to,
        timezone=first.timezone,
        calendars=first.calendars,
        sources=sources,
        rules=tuple(rules),
    )
