"""What changed between two packs, rule by rule and key by key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.writing import plain

_TABLES = ("pack", "timezone", "calendars")


class How(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference. `key`, `before` and `after` are None where a whole rule or source came or went."""

    place: str
    """`rule`, `source`, or the table's name."""
    id: str
    """Of the rule or source; empty for a table."""
    how: How
    key: str | None = None
    before: Any = None
    after: Any = None


def changes(before: Pack, after: Pack) -> tuple[Change, ...]:
    """From one pack to the other: its head, its sources, its rules in their order. None: they say the same."""
    old, new = plain(before), plain(after)
    tables = (c for name in _TABLES for c in _keys(name, "", old.get(name, {}), new.get(name, {})))
    sources = _named("source", old.get("sources", {}), new.get("sources", {}))
    rules = _named("rule", _by_id(old), _by_id(new))
    return (*tables, *sources, *rules)


def _by_id(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {rule["id"]: rule for rule in tables.get("rules", [])}


def _named(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in (*old, *(name for name in new if name not in old)):
        if name not in new:
            yield Change(place=place, id=name, how=How.REMOVED)
        elif name not in old:
            yield Change(place=place, id=name, how=How.ADDED)
        else:
            yield from _keys(place, name, old[name], new[name])


def _keys(place: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    one, other = dict(_flat(old)), dict(_flat(new))
    for key in (*one, *(key for key in other if key not in one)):
        before, after = one.get(key), other.get(key)
        if before != after:
            how = How.ADDED if key not in one else How.REMOVED if key not in other else How.CHANGED
            yield Change(place=place, id=name, how=how, key=key, before=before, after=after)


def _flat(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
