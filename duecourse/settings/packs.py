"""Reads `config/packs`: which files make up a pack, and everything that is wrong with any of them."""

from collections.abc import Collection, Iterable
from datetime import time
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from duecourse.domain.errors import ConfigError
from duecourse.domain.table import read_toml
from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.packs.binding import MEDIUM_OF
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import PackKind
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.params import ContactWindow
from duecourse.policy.packs.periods import MIDNIGHT, Hours
from duecourse.policy.packs.reading import PackReading, Part, read_pack
from duecourse.policy.quiet_hours import Quiet
from duecourse.settings.values import Policy

FOLDER = "packs"
_DAY = tuple(time(*divmod(minute, 60)) for minute in range(MIDNIGHT))


class PacksReading(NamedTuple):
    """The packs that are right, and what is wrong with the others."""

    packs: tuple[Pack, ...]
    errors: tuple[ConfigError, ...]


def load_packs(config_dir: Path, policy: Policy | None = None) -> tuple[Pack, ...]:
    """The packs of the folder, in the order of their ids.

    Args:
        config_dir: the folder that holds `packs/`.
        policy: which are wanted; None means all. House packs are always among them.

    Raises:
        ConfigError: names the first mistake by file and key, and how many more there are.
    """
    found = read_packs(config_dir)
    errors = [*found.errors, *check_policy(found.packs, policy or Policy())]
    if errors:
        first, more = errors[0], len(errors) - 1
        hint = f" (and {more} more: duecourse packs check)" if more else ""
        raise ConfigError(file=first.file, key=first.key, problem=first.problem + hint)
    return tuple(pack for pack in found.packs if policy is None or _counts(pack, policy))


def load_pack_set(config_dir: Path, policy: Policy, quiet: Quiet | None = None) -> PackSet:
    """The deployment's packs as the gate asks them.

    Raises:
        ConfigError: as for `load_packs`, or the house's packs open hours that `quiet` closes.
    """
    packs = load_packs(config_dir, policy)
    for error in check_quiet(packs, quiet) if quiet else ():
        raise error
    return PackSet(packs, opt_in=policy.opt_in)


def read_packs(config_dir: Path) -> PacksReading:
    """Every pack of the folder. A pack is `<id>.toml` and any `<id>.<part>.toml` with more sources and rules."""
    folder = config_dir / FOLDER
    paths = sorted(folder.glob("*.toml"), key=lambda path: (_pack_id(path), path.name.count("."), path.name))
    if not paths:
        error = ConfigError(file=str(folder), key="*.toml", problem="no pack here: nothing could be allowed")
        return PacksReading((), (error,))
    readings = [_read(name, tuple(group)) for name, group in groupby(paths, _pack_id)]
    packs = tuple(reading.pack for reading in readings if reading.pack)
    errors = [error for reading in readings for error in reading.errors]
    return PacksReading(packs, (*errors, *_twins(packs, folder), *_no_house(readings, folder)))


def read_pack_file(path: Path) -> PackReading:
    """One pack from its first file, wherever it lies, with the further parts beside it."""
    further = sorted(path.parent.glob(f"{path.stem}.*.toml"))
    return _read(None, (path, *further))


def check_policy(packs: Iterable[Pack], policy: Policy) -> list[ConfigError]:
    """What `[policy]` names and no pack has. An opted-in rule must be in a pack that counts, or it would do nothing."""
    every = tuple(packs)
    ids = {pack.id for pack in every}
    rules = {rule.id for pack in every if _counts(pack, policy) for rule in pack.rules}
    problems = [
        *(("policy.packs", f"no such pack: {name!r}{_near(name, ids)}") for name in policy.packs if name not in ids),
        *(
            ("policy.opt_in", f"no such rule: {name!r}{_near(name, rules)}")
            for name in policy.opt_in
            if name not in rules
        ),
    ]
    return [ConfigError(file="duecourse.toml", key=key, problem=problem) for key, problem in problems]


def check_quiet(packs: Iterable[Pack], quiet: Quiet) -> list[ConfigError]:
    """Hours that the settings close must be closed by the house's packs: those are what the gate asks."""
    rules = [rule for pack in packs if pack.kind is PackKind.HOUSE for rule in pack.rules]
    errors = []
    for channel in ChannelKind:
        windows = [rule for rule in rules if not rule.channels or MEDIUM_OF[channel] in rule.channels]
        allowed = [rule.params.allow for rule in windows if isinstance(rule.params, ContactWindow)]
        late = next((at for at in _DAY if quiet.covers_time(at) and all(_opens(hours, at) for hours in allowed)), None)
        if late is not None:
            problem = f"the house's packs open {late:%H:%M} for {channel.value}: close it there, in config/packs"
            errors.append(ConfigError(file="duecourse.toml", key="quiet_hours", problem=problem))
    return errors


def _opens(allow: Iterable[Hours], at: time) -> bool:
    """On any kind of day."""
    minute = at.hour * 60 + at.minute
    return any(hours.start <= minute < hours.end for hours in allow)


def _counts(pack: Pack, policy: Policy) -> bool:
    return not policy.packs or pack.id in policy.packs or pack.kind is PackKind.HOUSE


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "; see `duecourse packs list`"


def _pack_id(path: Path) -> str:
    return path.name.partition(".")[0]


def _read(name: str | None, paths: tuple[Path, ...]) -> PackReading:
    parts: list[Part] = []
    errors: list[ConfigError] = []
    for path in paths:
        try:
            parts.append(Part(str(path), read_toml(path)))
        except ConfigError as exc:
            errors.append(exc)
    if errors:
        return PackReading(None, tuple(errors))
    reading = read_pack(parts)
    if reading.pack and name not in {None, reading.pack.id}:
        problem = f"must be {name}, as the file is called, not {reading.pack.id}"
        return PackReading(None, (ConfigError(file=str(paths[0]), key="pack.id", problem=problem),))
    return reading


def _twins(packs: Iterable[Pack], folder: Path) -> list[ConfigError]:
    """Verdicts name rules by id alone, so an id belongs to one pack."""
    owner: dict[str, str] = {}
    errors = []
    for pack in packs:
        for rule in pack.rules:
            first = owner.setdefault(rule.id, pack.id)
            if first != pack.id:
                file, key = str(folder / f"{pack.id}.toml"), f"rules[{rule.id}].id"
                errors.append(ConfigError(file=file, key=key, problem=f"is there already, in {first}"))
    return errors


def _no_house(readings: Iterable[PackReading], folder: Path) -> list[ConfigError]:
    """A broken file may be the house's, so then nothing is missed yet."""
    if any(reading.pack is None or reading.pack.kind is PackKind.HOUSE for reading in readings):
        return []
    return [ConfigError(file=str(folder), key="*.toml", problem='no pack of kind "house": one must be there')]
