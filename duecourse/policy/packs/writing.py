"""A pack as its files say it: for programs to read, for comparing two. What `reading` takes, this gives."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.periods import Hours, Period, clock

_HEAD = ("id", "version", "as_of", "title", "kind", "applies_to")
_PLACE = ("country", "subdivision", "countries")


def plain(pack: Pack) -> dict[str, Any]:
    """The tables of the pack's files in one. Defaults are left out; dates stay dates."""
    fields = _fields(pack)
    place = {name: fields[name] for name in _PLACE if name in fields}
    head = {name: fields[name] for name in _HEAD if name in fields}
    sources = {name: _without(_fields(source), "id") for name, source in sorted(pack.sources.items())}
    tables = {
        "pack": head | ({"jurisdiction": place} if place else {}),
        "timezone": fields.get("timezone", {}),
        "calendars": fields.get("calendars", {}),
        "sources": sources,
        # Always with on_fail: what it is where a file says nothing hangs on the type.
        "rules": [_fields(rule) | {"on_fail": rule.on_fail.value} for rule in pack.rules],
    }
    return {name: table for name, table in tables.items() if table}


def _fields(value: Any) -> dict[str, Any]:
    """What differs from the class's defaults."""
    return {
        field.name: _value(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != _default(field)
    }


def _default(field: "dataclasses.Field[Any]") -> Any:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def _value(value: Any) -> Any:
    if isinstance(value, Hours):
        return {"days": _value(value.days), "from": clock(value.start), "to": clock(value.end)}
    if isinstance(value, Period):
        return _period(value)
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {key: _value(below) for key, below in value.items()}
    if isinstance(value, tuple | frozenset):
        return [_value(item) for item in _in_order(value)]
    return value.value if isinstance(value, StrEnum) else value


def _in_order(words: tuple[Any, ...] | frozenset[Any]) -> Iterable[Any]:
    """A set's words in their vocabulary's own order, so that days run from Monday."""
    if isinstance(words, tuple):
        return words
    kind = type(next(iter(words), None))
    return [word for word in kind if word in words] if issubclass(kind, StrEnum) else sorted(words)


def _period(period: Period) -> str:
    years, months = divmod(period.months, 12)
    parts = ((years, "Y"), (months, "M"), (period.days, "D"))
    return "P" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0D")


def _without(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}


def said(value: Any) -> str:
    """A value of `plain` on one line, as TOML would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {said(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(said(item) for item in value) + "]"
    return value.isoformat() if isinstance(value, date) else str(value)
