"""Lets a process' wall clock be wrong by any number of seconds, while it runs. Installed before anything else.

libfaketime would be the usual way; its 0.9.10 makes Python's `time.sleep` fail or never return.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from duecourse.domain import clock

#: How often a process looks whether its clock was changed; in monotonic seconds.
_LOOK_S = 0.2


class Skew:
    """By how much the wall clock is wrong: what the file says, nothing without one."""

    def __init__(self, file: Path, monotonic: clock.Monotonic = time.monotonic) -> None:
        self._file = file
        self._monotonic = monotonic
        self._looked = float("-inf")
        self._seconds = 0.0

    def seconds(self) -> float:
        if self._monotonic() - self._looked > _LOOK_S:
            self._looked, self._seconds = self._monotonic(), self._read()
        return self._seconds

    def _read(self) -> float:
        # No file, or none that can be opened just now.
        with suppress(OSError, ValueError):
            return float(self._file.read_text())
        return 0.0


def install(skew: Skew) -> None:
    """Both clocks that the product and its libraries read: `host_now`, and the library's `time.time`.

    Only what imports them after this has the wrong ones.
    """
    vars(time)["time"] = _wrong(time.time, skew)
    right_now = clock.host_now

    def host_now() -> datetime:
        return right_now() + timedelta(seconds=skew.seconds())

    vars(clock)["host_now"] = host_now


def _wrong(right: Callable[[], float], skew: Skew) -> Callable[[], float]:
    return lambda: right() + skew.seconds()
