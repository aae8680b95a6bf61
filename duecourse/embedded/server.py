"""A server in a folder: started under a guard, joined by whoever comes later, ended with its last user."""

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded import guard

OWN_SERVERS = "set DATABASE_URL and REDIS_URL to servers of your own"

_START_S = 60.0
#: A server whose last life was killed may find the memory of that life still in use for a moment.
_RETRY_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """How to start a server, and how to know and end it."""

    name: str
    folder: Path
    argv: list[str]
    keywords: dict[str, Any]
    """Whom to run it as, for `subprocess`."""
    log: Path
    pid_file: Path
    marker: str
    """Stands in the server's command line and in nobody else's."""
    end: int
    """The signal that ends it in good order."""

    def running(self) -> bool:
        return guard.running(self.pid_file, self.marker) is not None

    def begin(self, ready: Callable[[], bool]) -> None:
        """Start it and wait until it answers.

        Raises:
            StoreUnavailable: it does not come up; its log is named.
        """
        first = time.monotonic()
        self._order("argv", "keywords")
        while not ready():
            if not guard.locked(self.folder, guard.GUARD):
                if time.monotonic() - first > _RETRY_S:
                    raise StoreUnavailable(f"{self.name} does not start, see {self.log}; or {OWN_SERVERS}")
                self._order("argv", "keywords")
            if time.monotonic() - first > _START_S:
                raise StoreUnavailable(f"{self.name} does not get ready, see {self.log}; or {OWN_SERVERS}")
            time.sleep(guard.PAUSE_S)

    def adopt(self) -> None:
        """Give a server that runs a guard, where its own was killed."""
        if not guard.locked(self.folder, guard.GUARD):
            self._order()

    def stop(self) -> None:
        """End it; its guard ends with it."""
        if not guard.end(self.pid_file, self.marker, self.end):
            raise StoreUnavailable(f"{self.name} does not stop, see {self.log}")
        with (self.folder / guard.GUARD).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    def _order(self, *more: str) -> None:
        wanted = ("folder", "pid_file", "marker", "end", "log", *more)
        order = {name: value for name, value in asdict(self).items() if name in wanted}
        command = (sys.executable, "-I", "-S", guard.__file__)
        text = json.dumps(order, default=str).encode()
        # The guard outlives us: it must not hold open what somebody reads our output from.
        with self.log.open("ab") as log:
            subprocess.run(command, input=text, stdout=log, stderr=log, cwd="/", start_new_session=True, check=True)


@dataclass(kw_only=True)
class EmbeddedServer:
    """A running server and this process's share in it.

    Attributes:
        url: for the application.
        owner_url: for migrations; the same as `url` where a store knows no such difference.
        program: its folder, log and pid file.
    """

    url: str
    owner_url: str
    program: Program = field(repr=False)
    _users: IO[str] = field(repr=False)

    def stop(self) -> None:
        """Give the share back; end the server if nobody else has one. Harmless when called twice."""
        if self._users.closed:
            return
        with guard.starting(self.program.folder):
            self._users.close()
            if not _in_use(self.program.folder):
                self.program.stop()


def _in_use(folder: Path) -> bool:
    """Whether others have a share. While `starting.lock` is held the guard takes the lock once and for an instant."""
    if not guard.locked(folder, guard.USERS):
        return False
    share(folder).close()
    return guard.locked(folder, guard.USERS)


def share(folder: Path) -> IO[str]:
    """Become a user of the server: until the file is closed or this process ends."""
    users = (folder / guard.USERS).open("a")
    fcntl.flock(users, fcntl.LOCK_SH)
    return users
