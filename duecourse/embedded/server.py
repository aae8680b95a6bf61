"""A server in a folder: who may start it, who uses it, and who stops it.

Both questions are answered by file locks, which the kernel drops with their process however it dies:
`starting.lock` is held while a server is being started or stopped, `users.lock` is shared by all users.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

OWN_SERVERS = "set DATABASE_URL and REDIS_URL to servers of your own"


@dataclass(kw_only=True)
class EmbeddedServer:
    """A running server and this process's share in it.

    Attributes:
        url: for the application.
        owner_url: for migrations; the same as `url` where a store knows no such difference.
        folder: its data, log, socket and locks.
    """

    url: str
    owner_url: str
    folder: Path
    _users: IO[str] = field(repr=False)
    _end: Callable[[], None] = field(repr=False)

    def stop(self) -> None:
        """Give the share back; end the server if nobody else has one. Harmless when called twice."""
        if self._users.closed:
            return
        with starting(self.folder):
            self._users.close()
            if not in_use(self.folder):
                self._end()


@contextmanager
def starting(folder: Path) -> Iterator[None]:
    """Only one process at a time may start or stop the server of `folder`."""
    with (folder / "starting.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def share(folder: Path) -> IO[str]:
    """Become a user of the server: until the file is closed or this process ends."""
    users = (folder / "users.lock").open("a")
    fcntl.flock(users, fcntl.LOCK_SH)
    return users


def in_use(folder: Path) -> bool:
    with (folder / "users.lock").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def command_of(pid: int) -> str:
    """The command line of a process; empty where it is gone, and on a system without /proc."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_ours(pid: int, marker: str) -> bool:
    """Does `pid` still run our server? A machine that restarted gives an old number to another program.

    Without /proc the number alone has to do: then a live process is taken for ours.
    """
    if not Path("/proc/self/cmdline").exists():
        return alive(pid)
    return marker in command_of(pid)
