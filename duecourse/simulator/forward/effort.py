"""What a simulation cost this machine. Kept out of the report: that depends on nothing but its inputs."""

import time
from dataclasses import dataclass

from duecourse.embedded import EmbeddedServer
from duecourse.processes.usage import cpu_s, family


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
        self._postgres = cpu_s(family(int(pid)))

    def read(self) -> Effort:
        return Effort(
            wall_s=time.monotonic() - self._wall,
            ours_s=time.process_time() - self._ours,
            postgres_s=self._postgres,
        )
