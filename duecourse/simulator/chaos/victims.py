"""Processes that may be hit, found by their parents in /proc."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """Those that the process started itself; none where it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += [int(word) for word in (task / "children").read_text().split()]
    return found


def family(pid: int) -> list[int]:
    """The process and all below it."""
    return [pid, *(below for child in children(pid) for below in family(child))]


def hands(pid: int) -> int | None:
    """Of a Dramatiq master: the child that does the work, the largest one."""
    return max(children(pid), key=_resident, default=None)


def open_files(pid: int) -> int:
    """How many the process holds; 0 where it is gone."""
    with suppress(OSError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0


def hit(pid: int | None, number: signal.Signals) -> bool:
    """Whether somebody was there to be hit."""
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
