"""Points at which a process can be told to die, sleep or fail. Orders are files, so they outlive whoever obeys them.

In the folder: `passed/<point>` for each point that any process came by, `orders/<point>` until somebody takes it,
`taken/<point> <pid>` from then on. A point is `<process>:<use case>:<step>`.
"""

import os
import signal
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from uuid import uuid4


class Fate(StrEnum):
    """What happens to the process that comes by."""

    KILL = "kill"
    FREEZE = "freeze"
    """It stops itself, and goes on when somebody lets it."""
    FAIL = "fail"
    """The call raises: an adapter with a fault, a template with a fault, a commit whose answer is lost."""


class PointFailedError(Exception):
    """What a failing call raises: nothing that anybody expects."""


class Points:
    """One process' view of its points: made before its work begins."""

    def __init__(self, folder: Path, process: str) -> None:
        self._folder = folder
        self._process = process
        self._seen: set[str] = set()

    def passing(self, name: str) -> None:
        """Come by a point: most of the time nothing happens.

        Raises:
            PointFailedError: that was ordered.
        """
        point = f"{self._process}:{name}"
        if point not in self._seen:
            # A process that may open no more files tells of it next time.
            with suppress(OSError):
                (self._folder / "passed" / point).touch()
                self._seen.add(point)
        taken = self._folder / "taken" / f"{point} {os.getpid()}"
        try:
            (self._folder / "orders" / point).rename(taken)
        except FileNotFoundError:
            return
        _obey(Fate(taken.read_text()), point)

    def is_awaited(self, name: str) -> bool:
        """Whether an order waits here: what takes an effort to come by is done for that only."""
        return (self._folder / "orders" / f"{self._process}:{name}").exists()


class Orders:
    """The other side: who gives the orders and sees what came of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("passed", "orders", "taken", "clocks"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def passed(self) -> list[str]:
        """Every point that somebody came by, sorted."""
        return sorted(path.name for path in (self.folder / "passed").iterdir())

    def give(self, point: str, fate: Fate) -> None:
        """Whoever obeyed there before is forgotten."""
        for before in self._taken(point):
            before.unlink()
        draft = self.folder / f"draft-{uuid4().hex}"
        draft.write_text(fate)
        draft.rename(self.folder / "orders" / point)

    def withdraw(self, point: str) -> bool:
        """Whether it was still waiting."""
        with suppress(FileNotFoundError):
            (self.folder / "orders" / point).unlink()
            return True
        return False

    def set_clock(self, process: str, seconds: float) -> None:
        """Make the wall clock of one process wrong by so much; see skew.py."""
        draft = self.folder / f"draft-{uuid4().hex}"
        draft.write_text(str(seconds))
        draft.rename(self.folder / "clocks" / process)

    def waiting(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "orders").iterdir())

    def obedient(self, point: str) -> int | None:
        """The pid of who took the last order of the point."""
        return next((int(path.name.rsplit(" ", 1)[1]) for path in self._taken(point)), None)

    def _taken(self, point: str) -> list[Path]:
        return list((self.folder / "taken").glob(f"{point} *"))


def _obey(fate: Fate, point: str) -> None:
    match fate:
        case Fate.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Fate.FREEZE:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Fate.FAIL:
            raise PointFailedError(point)
