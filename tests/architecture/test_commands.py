"""Every command can be asked what it does and can answer a program."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from duecourse.cli.main import COMMANDS, load_command

REPOSITORY = Path(__file__).resolve().parents[2]


def leaves(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
    for name, child in (below or {}).items():
        yield from leaves((*path, name), child)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_the_list_of_commands_says(name: str) -> None:
    told = (load_command(name).help or "").strip()
    assert told.startswith(COMMANDS[name].help), told.splitlines()[:1]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_all_its_options_have_help_and_json(name: str) -> None:
    for path, command in leaves((name,), load_command(name)):
        assert (command.help or "").strip(), path
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options, path
        dumb = [p.name for p in command.params if not getattr(p, "help", None) and p.name != "help"]
        assert dumb == [], path


def test_help_imports_no_command_and_no_library_of_one() -> None:
    probe = (
        "import sys\n"
        "from duecourse.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'psycopg', 'dramatiq', 'aiohttp', 'httpx', 'fastapi', 'pyarrow', 'duecourse.bootstrap'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert all(name in result.stdout for name in COMMANDS)
