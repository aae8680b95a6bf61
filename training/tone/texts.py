"""Training texts from their short form: `{a|b}` is one of these, `<name>` one of a list."""

import hashlib
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from duecourse.policy.tone.vocabulary import Language

HERE = Path(__file__).resolve().parent
CONFIG = HERE.parents[1] / "config"

_LIST = re.compile(r"@(\w+) = (.*)")
_PART = re.compile(r"\[(\w+)\]")
_NAME = re.compile(r"<(\w+)>")
_CHOICE = re.compile(r"\{([^{}]*)\}")
#: From one line at most so many texts: a line with many choices must not drown the others.
_MOST = {"compliant": 24}
_MOST_ELSE = 16
_TRIES = 6


class Example(NamedTuple):
    text: str
    category: str
    """`compliant` or one of the eight."""
    line: int
    """Where it comes from: texts of one line are alike, and a fair split keeps them together."""


def read_texts(path: Path, *, seed: int) -> list[Example]:
    """All texts of a file; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - it varies texts and guards nothing
    return list(_read(path.read_text("utf-8").splitlines(), chance))


def made_from() -> str:
    """A digest of everything that the weights depend on but the library: who changes a word trains anew."""
    digest = hashlib.sha256()
    for language in Language:
        digest.update((HERE / f"{language.value}.txt").read_bytes())
        digest.update((CONFIG / "tone" / f"{language.value}.toml").read_bytes())
    digest.update((CONFIG / "tone" / "characters.toml").read_bytes())
    return digest.hexdigest()


def _read(lines: list[str], chance: random.Random) -> Iterator[Example]:
    lists: dict[str, list[str]] = {}
    category = ""
    for number, line in enumerate(lines, start=1):
        if listed := _LIST.fullmatch(line):
            lists[listed[1]] = listed[2].split("|")
        elif part := _PART.fullmatch(line):
            category = part[1]
        elif line and not line.startswith("#"):
            most = _MOST.get(category, _MOST_ELSE)
            seen = {_written(line, lists, chance) for _ in range(most * _TRIES)}
            yield from (Example(text, category, number) for text in sorted(seen)[:: max(1, len(seen) // most)][:most])


def _written(line: str, lists: dict[str, list[str]], chance: random.Random) -> str:
    while True:
        names, choices = _NAME.search(line), _CHOICE.search(line)
        if names is None and choices is None:
            return " ".join(line.split())
        line = _CHOICE.sub(lambda found: chance.choice(found[1].split("|")), line)
        line = _NAME.sub(lambda found: chance.choice(lists[found[1]]), line)
