"""Stays with an embedded server and ends it once nobody uses it, kill -9 of its users included. Standard library only.

    guard.py < {"folder", "pid_file", "marker", "end", "log", "argv", "keywords"}     without "argv": adopt what runs

A user of the server holds a shared lock on `users.lock`; the kernel drops it with its process.
The guard waits for the exclusive one.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

STARTING, USERS, GUARD, ADOPTED = "starting.lock", "users.lock", "guard.lock", "adopted.lock"
STOP_S = 60.0
PAUSE_S = 0.02


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[None]:
    """Only one process at a time may start or end the server of `folder`."""
    with (folder / STARTING).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def locked(folder: Path, name: str) -> bool:
    """Whether another open file holds the lock."""
    with (folder / name).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def running(pid_file: Path, marker: str) -> int | None:
    """The pid of the server that the file names; None where that is another program's number by now.

    A machine that restarted gives an old number to somebody else; `marker` is in our server's command line.
    """
    try:
        first = pid_file.read_text().split("\n", 1)[0].strip()
    except OSError:
        return None
    return int(first) if first.isdigit() and _is_ours(int(first), marker) else None


def end(pid_file: Path, marker: str, number: int) -> bool:
    """Ask the server to end and wait until it has. False where it does not."""
    deadline = time.monotonic() + STOP_S
    pid = running(pid_file, marker)
    if pid is not None:
        os.kill(pid, number)
    while running(pid_file, marker) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_S)
    return True


def _is_ours(pid: int, marker: str) -> bool:
    """Without /proc the number alone has to do: then a live process is taken for ours."""
    if Path("/proc/self/cmdline").exists():
        try:
            return marker in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except OSError as exc:
        return isinstance(exc, PermissionError)
    return True


def _guard(order: dict[str, Any]) -> None:
    folder = Path(order["folder"])
    with (folder / (GUARD if "argv" in order else ADOPTED)).open("a") as mine:
        try:
            # An adopter that finds another leaves; a starter waits for the last guard, whose server is gone.
            fcntl.flock(mine, fcntl.LOCK_EX | (0 if "argv" in order else fcntl.LOCK_NB))
        except BlockingIOError:
            return
        if os.fork():
            os._exit(0)  # our caller waits for this process only; the lock lives on in the child
        server = _start(order) if "argv" in order else None
        while not _end_if_unused(folder, order, server):
            pass


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, _leave)
    with Path(order["log"]).open("ab") as log:
        return subprocess.Popen(
            order["argv"],
            **order["keywords"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            preexec_fn=_heed_signals,  # noqa: PLW1509 - this process has one thread
        )


def _heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """The server ended by itself or was ended: nothing is left to guard."""
    if os.waitpid(-1, os.WNOHANG)[0]:
        os._exit(0)


def _end_if_unused(folder: Path, order: dict[str, Any], server: "subprocess.Popen[bytes] | None") -> bool:
    with (folder / USERS).open("a") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
    with starting(folder):
        # A new user may have come between the two locks.
        if locked(folder, USERS):
            return False
        if server is None:
            end(Path(order["pid_file"]), order["marker"], order["end"])
        else:
            # By its own number: it may not have written its pid file yet.
            server.send_signal(order["end"])
            time.sleep(STOP_S)  # the end of the server ends this process
            server.kill()
    return True


if __name__ == "__main__":
    _guard(json.load(sys.stdin))
