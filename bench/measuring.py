"""What several parts read: a process's memory and time, quantiles, and waiting for something that ends by itself."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from subprocess import Popen

from bench.stage import NotMeasured
from duecourse.embedded import EmbeddedServer

LIMIT_S = 600.0


def until(question: Callable[[], bool], what: str, *, seconds: float = LIMIT_S) -> None:
    """Ask until it is so.

    Raises:
        NotMeasured: it never was.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            return
        time.sleep(0.02)
    raise NotMeasured(f"{what} did not come to pass within {seconds:g} s")


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of all do not exceed; they must not be empty."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        found += [one for child in _said(thread / "children").split() for one in family(int(child))]
    return found


def families(children: Iterable[Popen[bytes]]) -> list[int]:
    return [pid for child in children for pid in family(child.pid)]


def peak_rss_mb(pids: Iterable[int]) -> float:
    """The most memory that any one of these processes ever had resident."""
    return round(max(_kilobytes(pid, "VmHWM") for pid in pids) / 1024, 1)


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their children that ended."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def server_cpu_s(server: EmbeddedServer) -> float:
    """Of Postgres with all its sessions, those that ended included."""
    return cpu_s(family(int(server.program.pid_file.read_text().split("\n", 1)[0])))


def _ticks(pid: int) -> int:
    """Its own and its ended children's; none once it has ended itself: then they are its parent's."""
    fields = _said(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (11, 12, 13, 14)) if fields else 0


def _said(path: Path) -> str:
    """What the kernel says of a process; nothing where it ended meanwhile, as sessions of a server do."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _kilobytes(pid: int, name: str) -> int:
    for line in _said(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
