"""What a simulation cost this machine. Kept out of the report: that depends on nothing but its inputs."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from duecourse.embedded import EmbeddedServer


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """Seconds."""

    wall_s: float
    ours_s: float
    """Processor time of this process."""
    postgres_s: float
    """The same of the server with all its sessions; 0 where the system does not tell."""


class Effortmeter:
    """Started when it is made."""

    def __init__(self) -> None:
        self._wall, self._ours, self._postgres = time.monotonic(), time.process_time(), 0.0

    def saw(self, server: EmbeddedServer) -> None:
        """Look at the server before it ends."""
        pid = server.program.pid_file.read_text().split("\n", 1)[0]
        self._postgres = sum(map(_ticks, _family(int(pid)))) / os.sysconf("SC_CLK_TCK")

    def read(self) -> Effort:
        return Effort(
            wall_s=time.monotonic() - self._wall,
            ours_s=time.process_time() - self._ours,
            postgres_s=self._postgres,
        )


def _family(pid: int) -> Iterator[int]:
    yield pid
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        for child in _said(thread / "children").split():
            yield from _family(int(child))


def _ticks(pid: int) -> int:
    """Its own and its ended children's."""
    fields = _said(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (11, 12, 13, 14)) if fields else 0


def _said(path: Path) -> str:
    """What the kernel says of a process; nothing where it ended meanwhile."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
