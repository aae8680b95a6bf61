"""What is installed is named exactly, and from nowhere in particular."""

import re
import tomllib
from itertools import chain
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = (REPOSITORY / "requirements.lock").read_text()
#: What never runs in production: `make bench`, `make mutation` and `make tone-model` add theirs.
UNLOCKED = {"bench", "mutation", "training"}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def canonical(requirement: str) -> str:
    name = re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_names_no_place() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index|--find-links|--trusted-host)", LOCK, re.MULTILINE)
    assert " @ " not in LOCK
    assert not re.search(r"(^|\s)/\w", LOCK)


def test_every_locked_package_has_an_exact_version_and_a_hash() -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    loose = [block.splitlines()[0] for block in blocks if not re.match(r"\S+==\S+ (;.*)?\\\n\s+--hash=sha256:", block)]
    assert loose == []


def test_everything_the_project_names_is_locked() -> None:
    locked = {canonical(line) for line in LOCK.splitlines() if re.match(r"[A-Za-z0-9]", line)}
    extras = [names for extra, names in PROJECT["optional-dependencies"].items() if extra not in UNLOCKED]
    named = [*PROJECT["dependencies"], *chain(*extras), "hatchling", "editables"]
    assert {canonical(requirement) for requirement in named} - locked == set()


def test_the_project_refuses_to_be_published() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]
