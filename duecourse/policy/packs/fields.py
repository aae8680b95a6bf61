"""Turns plain values into the model's classes, led by their own field types, and gathers every complaint on the way."""

import dataclasses
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from enum import StrEnum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from duecourse.domain.errors import ConfigError
from duecourse.policy.packs.periods import MIDNIGHT, Hours, Period

BAD: Final[Any] = object()
"""Stands for a value that was refused; why is in the reader's errors."""

_PERIOD = re.compile(r"P(?=\d)(?:(?P<years>\d{1,3})Y)?(?:(?P<months>\d{1,3})M)?(?:(?P<days>\d{1,4})D)?")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_MOST = 1_000_000
_NOTHING: Mapping[str, Any] = {}
_HOURS_KEYS = ("days", "from", "to")


class Reader:
    """Reads the tables of one file. What is wrong is kept in `errors`, so that one look finds all of it."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.errors: list[ConfigError] = []

    def refuse(self, key: str, problem: str) -> Any:
        """Keep a complaint; the answer is BAD."""
        self.errors.append(ConfigError(file=self._file, key=key, problem=problem))
        return BAD

    def build(self, kind: Any, values: Any, key: str, given: Mapping[str, Any] = _NOTHING) -> Any:
        """An instance of a dataclass, or BAD. `given` fields come from elsewhere: no file may write them.

        Args:
            kind: the class; a field without default must be written.
            values: the table.
            key: where the table stands.
            given: field name to value.
        """
        if not isinstance(values, Mapping):
            return self.refuse(key, "must be a table")
        types = {name: hint for name, hint in _hints(kind).items() if name not in given}
        self.unknown(values, types, key)
        read = {name: self.read(types[name], values[name], f"{key}.{name}") for name in values if name in types}
        for name in _required(kind) - read.keys() - given.keys():
            read[name] = self.refuse(f"{key}.{name}", "is missing")
        if any(value is BAD for value in (*read.values(), *given.values())):
            return BAD
        return kind(**read, **given)

    def unknown(self, values: Mapping[str, Any], known: Collection[str], key: str) -> None:
        """Refuse keys that nobody knows."""
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known), n=1)
                hint = f"did you mean {near[0]!r}?" if near else "known are " + ", ".join(sorted(known))
                self.refuse(f"{key}.{name}" if key else name, f"unknown key; {hint}")

    def read(self, kind: Any, value: Any, key: str) -> Any:
        """A value of the type, or BAD."""
        if get_origin(kind) is UnionType:
            return self._one_of(get_args(kind), value, key)
        if get_origin(kind) in {tuple, frozenset}:
            return self._many(kind, value, key)
        if kind in _SPECIAL:
            return _SPECIAL[kind](self, value, key)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return self.build(kind, value, key)
        if issubclass(kind, StrEnum):
            return self._word(kind, value, key)
        return self._plain(kind, value, key)

    def _one_of(self, kinds: tuple[Any, ...], value: Any, key: str) -> Any:
        left = [kind for kind in kinds if kind is not NoneType]
        if len(left) == 1:
            return self.read(left[0], value, key)
        fitting = [kind for kind in left if type(value) is kind]
        return value if fitting else self.refuse(key, "must be " + " or ".join(_PLAIN[kind] for kind in left))

    def _many(self, kind: Any, value: Any, key: str) -> Any:
        if not isinstance(value, list | tuple):
            return self.refuse(key, "must be a list")
        items = [self.read(get_args(kind)[0], item, f"{key}[{place}]") for place, item in enumerate(value)]
        if any(item is BAD for item in items):
            return BAD
        twice = [item for place, item in enumerate(items) if item in items[:place]]
        return self.refuse(key, f"names {twice[0]!s} twice") if twice else get_origin(kind)(items)

    def _word(self, kind: type[StrEnum], value: Any, key: str) -> Any:
        try:
            return kind(value)
        except ValueError:
            return self.refuse(key, f"unknown: {value!r}; must be one of {', '.join(kind)}")

    def _plain(self, kind: type[Any], value: Any, key: str) -> Any:
        if type(value) is not kind:
            return self.refuse(key, f"must be {_PLAIN[kind]}")
        if kind is str and not value.strip():
            return self.refuse(key, "must not be empty")
        if kind is int and not 0 <= value <= _MOST:
            return self.refuse(key, f"must be from 0 to {_MOST}")
        return value

    def hours(self, value: Any, key: str) -> Any:
        """`{days = ["mon"], from = "08:00", to = "22:00"}`, half-open."""
        if not isinstance(value, Mapping):
            return self.refuse(key, 'must be a table: {days = ["mon"], from = "08:00", to = "22:00"}')
        self.unknown(value, _HOURS_KEYS, key)
        missing = [name for name in _HOURS_KEYS if name not in value]
        if missing:
            return self.refuse(f"{key}.{missing[0]}", "is missing")
        days = self.read(_hints(Hours)["days"], value["days"], f"{key}.days")
        start, end = (self._minutes(value[name], f"{key}.{name}") for name in ("from", "to"))
        if BAD in (days, start, end):
            return BAD
        if start >= end:
            return self.refuse(f"{key}.to", "must be later than from; write two spans for one that crosses midnight")
        return Hours(days=days, start=start, end=end) if days else self.refuse(f"{key}.days", "must not be empty")

    def period(self, value: Any, key: str) -> Any:
        """An ISO 8601 duration of years, months and days."""
        match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
        if not match:
            return self.refuse(key, f'must be years, months, days like "P2Y" or "P60D", not {value!r}')
        years, months, days = (int(match[name] or 0) for name in ("years", "months", "days"))
        return Period(months=12 * years + months, days=days)

    def _minutes(self, value: Any, key: str) -> Any:
        match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        minutes = int(match[1]) * 60 + int(match[2]) if match else MIDNIGHT + 1
        return minutes if minutes <= MIDNIGHT else self.refuse(key, f'must be a time like "08:00", not {value!r}')


_SPECIAL: dict[Any, Callable[[Reader, Any, str], Any]] = {Hours: Reader.hours, Period: Reader.period}
_PLAIN = {str: "text", int: "a whole number", bool: "true or false", date: "a date like 2025-02-28"}


@lru_cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


@lru_cache
def _required(kind: type[Any]) -> frozenset[str]:
    nothing = dataclasses.MISSING
    return frozenset(f.name for f in dataclasses.fields(kind) if f.default is nothing and f.default_factory is nothing)
