"""Strict reading of a configuration table: every complaint names file and key, and a misspelt key is refused."""

import difflib
import tomllib
from collections.abc import Mapping
from datetime import datetime, time, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from duecourse.domain.errors import ConfigError

Choice = TypeVar("Choice", bound=StrEnum)


class _Required:
    """Stands for "no default"."""


REQUIRED: Final = _Required()
_FLAGS = {"true": True, "false": False}


class Table:
    """One table of a TOML file. Read every key it may have, then call `finish`.

    With `from_env`, numbers and booleans may also be written as text: their values came from the environment.
    Every method raises ConfigError.
    """

    def __init__(self, values: Mapping[str, Any], *, file: str, path: str = "", from_env: bool = False) -> None:
        self._values = values
        self._file = file
        self._path = path
        self._from_env = from_env
        self._known: set[str] = set()

    def error(self, key: str, problem: str) -> ConfigError:
        return ConfigError(file=self._file, key=self._path + key, problem=problem)

    def text(self, key: str, default: str | _Required = REQUIRED, *, blank: bool = False) -> str:
        value = self._read(key, default)
        if not isinstance(value, str):
            raise self.error(key, "must be text")
        if not blank and not value.strip():
            raise self.error(key, "must not be empty")
        return value

    def flag(self, key: str, *, default: bool | _Required = REQUIRED) -> bool:
        value = self._read(key, default)
        if self._from_env and isinstance(value, str):
            value = _FLAGS.get(value.strip().lower(), value)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def number(self, key: str, default: float | _Required = REQUIRED, *, low: float, high: float) -> float:
        """A number in [low, high]."""
        value = self._read(key, default)
        if self._from_env and isinstance(value, str):
            value = _as_number(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, "must be a number")
        if not low <= value <= high:
            raise self.error(key, f"must be from {low:g} to {high:g}, not {value:g}")
        return float(value)

    def whole(self, key: str, default: int | _Required = REQUIRED, *, low: int, high: int) -> int:
        value = self.number(key, default, low=low, high=high)
        if not value.is_integer():
            raise self.error(key, "must be a whole number")
        return int(value)

    def clock(self, key: str, default: time | _Required = REQUIRED) -> time:
        """A local time of day, to the minute: `"09:30"`, or TOML's own 09:30:00."""
        value = self._read(key, default)
        moment = _as_time(value) if isinstance(value, str) else value
        if not isinstance(moment, time):
            raise self.error(key, f"must be a time from 00:00 to 23:59, not {value!r}")
        return moment

    def moment(self, key: str, zone: tzinfo, default: datetime | _Required = REQUIRED) -> datetime:
        """TOML's own date and time, such as 2026-12-01 22:00:00: a local one is the one of `zone`."""
        value = self._read(key, default)
        if not isinstance(value, datetime):
            raise self.error(key, f"must be a date and time without quotes, like 2026-12-01 22:00:00, not {value!r}")
        return value if value.tzinfo else value.replace(tzinfo=zone)

    def has(self, key: str) -> bool:
        """Is something written there? For what means one thing when it is absent and another when it is empty."""
        self._known.add(key)
        return key in self._values

    def choice(self, key: str, kind: type[Choice], default: Choice | _Required = REQUIRED) -> Choice:
        return self._choose(key, self._read(key, default), kind)

    def choices(
        self, key: str, kind: type[Choice], default: tuple[Choice, ...] | _Required = REQUIRED
    ) -> tuple[Choice, ...]:
        """Words of one vocabulary, in order, none twice."""
        chosen = tuple(self._choose(key, word, kind) for word in self._list(key, default))
        if len(set(chosen)) != len(chosen):
            raise self.error(key, "names the same twice")
        return chosen

    def texts(self, key: str, default: tuple[str, ...] | _Required = REQUIRED) -> tuple[str, ...]:
        words = tuple(self._list(key, default))
        if not all(isinstance(word, str) for word in words):
            raise self.error(key, "must be a list of texts")
        return words

    def table(self, key: str) -> "Table":
        """A table below this one; an absent one is empty."""
        return self._below(key, self._read(key, {}))

    def tables(self, key: str, *, some: bool = True) -> list["Table"]:
        """An array of tables; with `some` there must be one."""
        found = self._list(key, REQUIRED if some else ())
        if some and not found:
            raise self.error(key, "must not be empty")
        return [self._below(f"{key}[{index}]", value) for index, value in enumerate(found)]

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A table that somebody else understands."""
        value = self._read(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, "must be a table")
        return value

    def finish(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._values:
            if key not in self._known:
                raise self.error(key, "unknown key" + _did_you_mean(key, self._known))

    def _read(self, key: str, default: Any) -> Any:
        self._known.add(key)
        value = self._values.get(key, default)
        if isinstance(value, _Required):
            near = difflib.get_close_matches(key, [name for name in self._values if name not in self._known], n=1)
            raise self.error(key, "is missing" + (f"; is {near[0]!r} meant to be it?" if near else ""))
        return value

    def _list(self, key: str, default: Any) -> list[Any]:
        value = self._read(key, default)
        if not isinstance(value, list | tuple):
            raise self.error(key, "must be a list")
        return list(value)

    def _choose(self, key: str, word: Any, kind: type[Choice]) -> Choice:
        try:
            return kind(word)
        except ValueError:
            words = ", ".join(kind)
            raise self.error(key, f"unknown: {word!r}; must be one of {words}") from None  # the cause says no more

    def _below(self, key: str, value: Any) -> "Table":
        if not isinstance(value, Mapping):
            raise self.error(key, "must be a table")
        return Table(value, file=self._file, path=f"{self._path}{key}.", from_env=self._from_env)


def read_toml(path: Path) -> dict[str, Any]:
    """The file's content.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(file=str(path), key="(file)", problem=f"cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(file=str(path), key="(file)", problem=f"is no TOML: {exc}") from exc


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _as_time(text: str) -> time | None:
    hours, colon, minutes = text.partition(":")
    two_digits = len(hours) == len(minutes) == 2 and colon  # noqa: PLR2004 - HH:MM
    if not two_digits or not (hours + minutes).isdecimal() or not (hours + minutes).isascii():
        return None
    try:
        return time(int(hours), int(minutes))
    except ValueError:
        return None


def _did_you_mean(word: str, known: set[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "; known are " + ", ".join(sorted(known))
