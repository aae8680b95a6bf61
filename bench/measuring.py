"""What several parts read: the server's time, quantiles, and waiting for something that ends by itself."""

import time
from collections.abc import Callable, Iterable, Sequence
from subprocess import Popen

from bench.stage import NotMeasured
from duecourse.embedded import EmbeddedServer
from duecourse.processes.usage import cpu_s, family

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


def families(children: Iterable[Popen[bytes]]) -> list[int]:
    return [pid for child in children for pid in family(child.pid)]


def server_cpu_s(server: EmbeddedServer) -> float:
    """Of Postgres with all its sessions, those that ended included."""
    return cpu_s(family(int(server.program.pid_file.read_text().split("\n", 1)[0])))
