"""One supervisor for the processes of one machine."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Self

from duecourse.domain.errors import DuecourseError
from duecourse.processes.output import Line, output

_KEEPER = str(Path(__file__).with_name("keeper.py"))
#: Isolated and without site-packages: it starts in a few milliseconds and imports nothing of ours.
_BARE_PYTHON = (sys.executable, "-I", "-S")

_BACKOFF_S = (0.5, 30.0)
#: A child that lived this long was well: its next crash is its first.
_WELL_S = 60.0
#: So many crashes in a row, none of them after a life of `_WELL_S`, and the supervisor gives up.
_TRIES = 6

Note = Callable[[str, str, int], None]


class ChildError(DuecourseError):
    """A child crashes again and again."""


def python(*arguments: str) -> tuple[str, ...]:
    """The command that runs this very interpreter."""
    return (sys.executable, *arguments)


@dataclass(kw_only=True, slots=True)
class _Child:
    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(repr=False)
    process: asyncio.subprocess.Process | None = None
    reading: asyncio.Task[None] | None = None
    crashes: int = 0


class Supervisor:
    """Starts children, starts crashed ones again after a pause, and ends them all.

    Each child leads a process group, so what it started itself is ended with it. A keeper process ends them
    where the supervisor itself is killed.

    Args:
        env: the environment of all children.
        logs: a folder: each child's output is appended to `<name>.log` in it.
        on_line: instead of `logs`, called with the child's name and each line of its output, line end included.
            With neither, children write where this process writes.
        on_note: called with the child's name, a word (`started`, `exited`, `killed`) and its pid or exit code.
        grace_s: how long children may take to end before they are killed.
        keeper_holds: an open file that stays open until the last child is gone, even if this process is killed:
            lock it, and nobody starts the same children beside leftovers.
    """

    tries: ClassVar[int] = _TRIES
    """A subclass may have more patience, where crashes are the point."""
    backoff_s: ClassVar[tuple[float, float]] = _BACKOFF_S
    """The first and the longest pause before a crashed child is started again."""

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        logs: Path | None = None,
        on_line: Line | None = None,
        on_note: Note | None = None,
        grace_s: float = 20.0,
        keeper_holds: IO[str] | None = None,
    ) -> None:
        self._env = dict(env)
        self._logs = logs
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
        self._on_line = on_line
        self._on_note: Note = on_note or (lambda _name, _word, _number: None)
        self._grace_s = grace_s
        self._held = () if keeper_holds is None else (keeper_holds.fileno(),)
        self._children: list[_Child] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._pipe = -1

    def add(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Add a child before `start`. `env` is laid over the common one."""
        self._children.append(_Child(name=name, argv=tuple(argv), env={**self._env, **(env or {})}))

    def pids(self) -> dict[str, int]:
        """Name to pid of the children that run now."""
        running = ((child.name, child.process) for child in self._children)
        return {name: process.pid for name, process in running if process is not None and process.returncode is None}

    async def start(self) -> None:
        """Start every child; returns when all are launched, not when they are ready."""
        self._start_keeper()
        for child in self._children:
            await self._launch(child)
            self._tasks.append(asyncio.create_task(self._keep_running(child), name=child.name))

    async def wait(self) -> None:
        """Until a stop is requested.

        Raises:
            ChildError: a child that crashes again and again; the others still run, until `stop`.
        """
        stopping = asyncio.create_task(self._stopping.wait())
        first: set[asyncio.Future[Any]] = {stopping, *self._tasks}
        try:
            done, _ = await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            stopping.cancel()

    def request_stop(self) -> None:
        """Make `wait` return. Asked a second time, children are killed without grace. For signal handlers."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def stop(self) -> None:
        """End all children and return when nothing of them runs any more. Harmless when called twice."""
        self._stopping.set()
        for child in self._children:
            self._signal(child, signal.SIGTERM)
        ended = asyncio.gather(*self._tasks, return_exceptions=True)
        hurry = asyncio.create_task(self._hurry.wait())
        first: set[asyncio.Future[Any]] = {ended, hurry}
        await asyncio.wait(first, timeout=self._grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for child in self._children:
            self._kill_group(child)
        await ended
        self._end_keeper()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _keep_running(self, child: _Child) -> None:
        while not self._stopping.is_set():
            born = time.monotonic()
            if child.process is None:
                await self._launch(child)
            code = await self._live(child)
            if not self._stopping.is_set():
                await self._pause(child, lived_s=time.monotonic() - born, code=code)

    async def _live(self, child: _Child) -> int:
        process = child.process
        if process is None:
            return 0
        if self._stopping.is_set():
            self._signal(child, signal.SIGTERM)
        code = await process.wait()
        # What it started itself must not outlive it: a second set of hands would be nobody's.
        self._kill_group(child)
        if child.reading is not None:
            await child.reading
        self._announce(-process.pid)
        child.process = None
        self._on_note(child.name, "exited", code)
        return code

    async def _pause(self, child: _Child, *, lived_s: float, code: int) -> None:
        child.crashes = 1 if lived_s > _WELL_S else child.crashes + 1
        if child.crashes >= self.tries:
            raise ChildError(f"{child.name} ended {child.crashes} times in a row, last with code {code}: see its log")
        first, most = self.backoff_s
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), min(most, first * 2.0 ** min(child.crashes - 1, 30)))

    async def _launch(self, child: _Child) -> None:
        command = (*_BARE_PYTHON, _KEEPER, "launch", str(self._pipe), *child.argv)
        async with output(child.name, logs=self._logs, on_line=self._on_line) as (out, child.reading):
            child.process = await asyncio.create_subprocess_exec(
                *command,
                env=child.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=None if out is None else subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(self._pipe,),
            )
        self._on_note(child.name, "started", child.process.pid)

    def _signal(self, child: _Child, number: signal.Signals) -> None:
        if child.process is not None and child.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(number)

    def _kill_group(self, child: _Child) -> None:
        if child.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)

    def _start_keeper(self) -> None:
        reading, self._pipe = os.pipe()
        try:
            self._keeper = subprocess.Popen(
                (*_BARE_PYTHON, _KEEPER, "watch", str(self._grace_s)),
                stdin=reading,
                start_new_session=True,
                pass_fds=self._held,
            )
        finally:
            os.close(reading)

    def _end_keeper(self) -> None:
        if self._keeper is not None:
            os.close(self._pipe)
            self._keeper.wait()
            self._keeper = None

    def _announce(self, number: int) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, b"%d\n" % number)
