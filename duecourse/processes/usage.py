"""What processes took of this machine, as Linux tells it: nothing where a system does not."""

import os
from collections.abc import Iterable
from pathlib import Path


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        found += [one for child in _said(thread / "children").split() for one in family(int(child))]
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their children that ended."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pids: Iterable[int]) -> float:
    """The most memory that any one of these processes ever had resident."""
    return round(max(_kilobytes(pid, "VmHWM") for pid in pids) / 1024, 1)


def _ticks(pid: int) -> int:
    """Its own and its ended children's; none once it has ended itself: then they are its parent's."""
    fields = _said(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (11, 12, 13, 14)) if fields else 0


def _kilobytes(pid: int, name: str) -> int:
    for line in _said(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def _said(path: Path) -> str:
    """What the kernel says of a process; nothing where it ended meanwhile, as sessions of a server do."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
