"""How every command answers and fails: a table for people, JSON for programs, one line for an error."""

import asyncio
import json
import sys
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from duecourse.domain.errors import ConfigError, DuecourseError

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text for a person.")]
"""The option of every command: `def show(*, as_json: AsJson = False)`."""

FAILED = 1
MISCONFIGURED = 2
INTERRUPTED = 130
"""What a shell reports of a program that SIGINT ended."""
_WIDE = 1_000


def console() -> Console:
    """Standard output, without colours where it is no terminal. Made anew: tests and pipes swap the stream."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output. Dataclasses, dates, decimals, enums and sets are understood."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document on one line, at once: for a command that keeps talking."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for a person; in a pipe no cell is ever cut or wrapped."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    console().print(table)


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """`name: value` lines, the values in one column; what is None is left out."""
    known = [(name, shown(value)) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        sys.stdout.write(f"{name:<{width}}  {value}\n")


def print_change(about: Mapping[str, Any], status: str, *, changed: bool, as_json: bool) -> None:
    """What became of what `about` names: `status` says it to a person, `changed` to a program."""
    if as_json:
        print_json({**about, "changed": changed})
    else:
        print_fields([*about.items(), ("status", status)])


def shown(value: Any) -> str:
    """A value in a cell: nothing for None, instants to the second in UTC, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, dict):
        return " ".join(f"{key}={shown(item)}" for key, item in value.items())
    return str(value)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part to its end."""
    return asyncio.run(work)


def report_error(error: BaseException) -> int:
    """Say what went wrong in one line on standard error; the exit code that goes with it.

    An error that is not ours shows its type and place only: its words may hold what must not be shown.
    """
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return INTERRUPTED
    if isinstance(error, DuecourseError):
        _say(f"error: {_one_line(error)}")
        return MISCONFIGURED if isinstance(error, ConfigError) else FAILED
    _say(f"error: unexpected {type(error).__name__} at {_place(error)}")
    _say("hint: `duecourse doctor` checks this installation; DUECOURSE_DEBUG=1 shows the whole trace")
    return FAILED


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Decimal | PurePath):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
