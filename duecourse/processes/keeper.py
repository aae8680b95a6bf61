"""Ends the children of a supervisor that died without ending them, kill -9 included. Standard library only.

The supervisor holds the writing end of a pipe; the keeper reads process group numbers from it until it closes.
`launch` writes its own number before it becomes the child, so no child runs unknown to the keeper.

    keeper.py watch GRACE_SECONDS < pipe
    keeper.py launch PIPE PROGRAM [ARGUMENT ...]
"""

import contextlib
import os
import signal
import sys
import time

_PAUSE_S = 0.05


def watch(grace_s: float) -> None:
    """Return once every group that was announced and not withdrawn is gone."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        number = int(line)
        groups.add(number) if number > 0 else groups.discard(-number)
    _end(groups, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while any(_lives(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    _end(groups, signal.SIGKILL)


def launch(pipe: int, argv: list[str]) -> None:
    """Become the program, in the process group that is announced."""
    os.write(pipe, b"%d\n" % os.getpid())
    os.close(pipe)
    os.execvp(argv[0], argv)  # noqa: S606 - there is no shell


def _end(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch(float(sys.argv[2]))
    else:
        launch(int(sys.argv[2]), sys.argv[3:])
