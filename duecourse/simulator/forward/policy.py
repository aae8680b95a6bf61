"""What is tried: a cadence, the packs in force, people who call. As words: `cadence=X,packs=Y+Z,calls=yes`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from duecourse.cadence.files import read_cadence
from duecourse.cadence.rung import Cadence
from duecourse.domain.errors import InputError
from duecourse.domain.table import read_toml
from duecourse.settings import Settings
from duecourse.settings.packs import load_packs
from duecourse.texts.library import load_library

DEFAULT_CADENCE = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """One way to go about it."""

    cadence: str = DEFAULT_CADENCE
    """A file of `config/cadences/` without its ending, or a path to a TOML file."""
    packs: tuple[str, ...] = ()
    """Ids; empty is what the settings say. The house's packs always count."""
    calls: bool = False
    """The lender's people call late borrowers, too: see `dialling`."""

    @property
    def label(self) -> str:
        """As on the command line, but a file by its name alone: where it lies is this machine's business."""
        name = Path(self.cadence).stem if self.cadence.endswith(".toml") else self.cadence
        return (
            f"cadence={name}"
            + (f",packs={'+'.join(self.packs)}" if self.packs else "")
            + (",calls=yes" if self.calls else "")
        )


def parse_policy(text: str) -> Policy:
    """`cadence=X`, `packs=Y+Z`, `calls=yes`: any of them, with commas between.

    Raises:
        InputError: a word that is none of these, or one of them twice.
    """
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, _, wanted = part.partition("=")
        if name not in _READ or not wanted:
            raise InputError(f"{part!r}: write cadence=NAME, packs=NAME+NAME or calls=yes")
        if name in found:
            raise InputError(f"{name}: is there twice")
        found[name] = _READ[name](wanted)
    return Policy(**found)


def _yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise InputError(f"calls: {text!r} must be yes or no")
    return text == "yes"


def pack_ids(text: str, between: str) -> tuple[str, ...]:
    """Ids in the order of the alphabet: the same packs are the same policy.

    Raises:
        InputError: an empty name.
    """
    names = sorted({name.strip() for name in text.split(between)})
    if not all(names):
        raise InputError(f"packs: {text!r} has an empty name")
    return tuple(names)


def _added(text: str) -> tuple[str, ...]:
    return pack_ids(text, "+")


_READ: dict[str, Callable[[str], object]] = {"cadence": str, "packs": _added, "calls": _yes}


def check_policy(policy: Policy, settings: Settings) -> None:
    """That it can be run, before anything is imported.

    Raises:
        InputError: there is no such cadence or pack; those that are there are named.
        ConfigError: a file is wrong: names file and key.
    """
    find_cadence(policy.cadence, settings)
    known = {pack.id for pack in load_packs(settings.config_dir)}
    if unknown := sorted(set(policy.packs) - known):
        raise InputError(f"packs: no {unknown[0]!r}; there is {', '.join(sorted(known))}")


def find_cadence(name: str, settings: Settings) -> Cadence:
    """The cadence of that name, checked as at start.

    Raises:
        InputError: there is none; those that are there are named.
        ConfigError: its file is wrong: names file and key.
    """
    folder = settings.config_dir / "cadences"
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.toml")))
        raise InputError(f"cadence: no {name!r}; there is {known}, or give a path that ends in .toml")
    return read_cadence(read_toml(path), path, load_library(settings.config_dir).keys)


def under(policy: Policy, settings: Settings) -> Settings:
    """The settings with that policy's packs in force."""
    return replace(settings, policy=replace(settings.policy, packs=policy.packs)) if policy.packs else settings
