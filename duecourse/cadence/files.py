"""Reads `config/cadences/*.toml`. What cannot be right is refused here, with file and key, before a row is planned."""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from duecourse.cadence.rung import Cadence, Rung, Weekday
from duecourse.domain.errors import ConfigError
from duecourse.domain.table import Table, read_toml
from duecourse.domain.vocabulary import Audience, ChannelKind, StopRule

#: A template as a rung needs it.
TemplateKey = tuple[str, ChannelKind]
#: Nobody is written to about what is paid, or while on hold: no file can switch these off.
ALWAYS = frozenset({StopRule.PAID, StopRule.HOLD})

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")
_FURTHEST_DAYS = 60
#: Over a long weekend. What is later than that is no catching up.
_LONGEST_DAYS = 6
_LEAST_URGENT = 9
_MAX_VERSION = 2**31 - 1


def load_cadences(config_dir: Path, templates: Collection[TemplateKey] | None = None) -> tuple[Cadence, ...]:
    """Every cadence of the folder, in the order of the files' names.

    Args:
        config_dir: the folder that holds `cadences/`.
        templates: what exists; None leaves that unchecked.

    Raises:
        ConfigError: names the file and the key.
    """
    folder = config_dir / "cadences"
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ConfigError(file=str(folder), key="*.toml", problem="no cadence here: nothing would ever be sent")
    cadences = tuple(read_cadence(read_toml(path), path, templates) for path in paths)
    refuse_bursts(zip(paths, cadences, strict=True))
    return cadences


def read_cadence(values: Mapping[str, Any], path: Path, templates: Collection[TemplateKey] | None = None) -> Cadence:
    """One file's content as a cadence; it is named after the file.

    Raises:
        ConfigError: names the file and the key.
    """
    table = Table(values, file=str(path))
    version = table.whole("version", low=1, high=_MAX_VERSION)
    rungs: dict[str, Rung] = {}
    for below in table.tables("rung"):
        rung = _rung(below, templates)
        if rung.name in rungs:
            raise below.error("name", f"{rung.name!r} is there twice")
        rungs[rung.name] = rung
    table.finish()
    return Cadence(name=path.stem, version=version, rungs=tuple(rungs.values()))


def _rung(table: Table, templates: Collection[TemplateKey] | None) -> Rung:
    name, day = _name(table), table.whole("day", low=-_FURTHEST_DAYS, high=_FURTHEST_DAYS)
    rung = Rung(
        name=name,
        audiences=frozenset(_some(table, "audiences", table.choices("audiences", Audience))),
        offset_days=day,
        lasts_days=table.whole("last_day", day, low=day, high=min(day + _LONGEST_DAYS, _FURTHEST_DAYS)) - day,
        due_weekdays=frozenset(table.choices("due_weekdays", Weekday, ())),
        at=table.clock("at"),
        not_after=table.clock("not_after"),
        channels=tuple(_some(table, "channels", table.choices("channels", ChannelKind))),
        template=table.text("template"),
        priority=table.whole("priority", 5, low=0, high=_LEAST_URGENT),
        stop=ALWAYS | set(table.choices("stop", StopRule, ())),
    )
    table.finish()
    if rung.ends <= rung.begins:
        raise table.error("not_after", f"{rung.name!r} would end before it begins: must be later than at, same day")
    if templates is not None:
        _check_template(rung, table, templates)
    return rung


def _name(table: Table) -> str:
    name = table.text("name")
    if not _NAME.fullmatch(name):
        raise table.error("name", "must be up to 40 letters, digits, and . _ + -")
    return name


def _some(table: Table, key: str, words: tuple[Any, ...]) -> tuple[Any, ...]:
    if not words:
        raise table.error(key, "must not be empty")
    return words


def _check_template(rung: Rung, table: Table, templates: Collection[TemplateKey]) -> None:
    if rung.template not in {name for name, _ in templates}:
        raise table.error("template", f"unknown: {rung.template!r}")
    for channel in rung.channels:
        if (rung.template, channel) not in templates:
            raise table.error("channels", f"template {rung.template!r} has no text for {channel.value}")


def refuse_bursts(cadences: Iterable[tuple[Path, Cadence]]) -> None:
    """At any instant at most one rung of an audience is live per due date, over all files together.

    So after an outage one rung is caught up, and never a burst of all that were missed.
    """
    placed = [(path, place, rung) for path, cadence in cadences for place, rung in enumerate(cadence.rungs)]
    for (_, _, one), (path, place, other) in combinations(placed, 2):
        both = sorted(one.audiences & other.audiences)
        if both and _overlap(one, other):
            key = f"rung[{place}].at"
            raise ConfigError(
                file=str(path), key=key, problem=f"{other.name!r} overlaps {one.name!r} for {', '.join(both)}"
            )


def _overlap(one: Rung, other: Rung) -> bool:
    apart = one.due_weekdays and other.due_weekdays and one.due_weekdays.isdisjoint(other.due_weekdays)
    return not apart and one.begins < other.ends and other.begins < one.ends
