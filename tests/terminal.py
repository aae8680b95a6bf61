"""The command line in this process: a fresh interpreter for each command would cost more than the tests."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from duecourse.cli.main import app
from duecourse.cli.output import report_error

Result = subprocess.CompletedProcess[str]
Command = Callable[..., Result]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Result:
    """What a shell would see of `duecourse <words>`."""
    capsys.readouterr()
    try:
        code = app(list(words), standalone_mode=False) or 0
    except Exception as error:  # noqa: BLE001 - as the console script does
        code = report_error(error)
    printed = capsys.readouterr()
    return Result(words, code, printed.out, printed.err)


class Terminal:
    """One group of commands, from within an event loop; what goes wrong is raised."""

    def __init__(self, group: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._group = group
        self._capsys = capsys

    async def __call__(self, *words: str) -> Any:
        """What `duecourse <group> <words> --json` answers."""
        return json.loads(await self.text(*words, "--json"))

    async def text(self, *words: str) -> str:
        self._capsys.readouterr()
        await asyncio.to_thread(app, [self._group, *words], standalone_mode=False)
        return self._capsys.readouterr().out
