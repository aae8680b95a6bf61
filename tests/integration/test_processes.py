"""A supervisor's children: started again, ended in good order, and never left behind."""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from duecourse.processes import ChildError, Supervisor, python

Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]

#: Says its pid in a file, then lives on; `TERM` is what it does when told to end.
LIVE = """
import os, pathlib, signal, subprocess, sys
where = pathlib.Path(sys.argv[1])
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "polite" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: (where.with_suffix(".bye").write_text("bye"), sys.exit(0)))
if "parent" in sys.argv:
    subprocess.Popen([sys.executable, "-c", sys.argv[2], str(where) + ".child", "", "stubborn"])
where.with_suffix(".tmp").write_text(str(os.getpid()))
where.with_suffix(".tmp").rename(where)
signal.pause()
while True: signal.pause()
"""
DIE = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()} '); sys.exit(3)"
SUPERVISE = """
import asyncio, fcntl, os, sys
from pathlib import Path
from duecourse.processes import Supervisor, python

async def main(folder, live):
    with open(folder / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        supervisor = Supervisor(env=os.environ, grace_s=1, keeper_holds=lock)
        supervisor.add("one", python("-c", live, str(folder / "one"), live, "parent"))
        supervisor.add("two", python("-c", live, str(folder / "two"), "", "stubborn"))
        async with supervisor:
            await supervisor.wait()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def lives(pid: int) -> bool:
    """A zombie does nothing any more: who should have waited for it is not our question."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def child(folder: Path, name: str, *manners: str) -> tuple[str, ...]:
    return python("-c", LIVE, str(folder / name), LIVE, *manners)


def number(path: Path) -> int | None:
    return int(path.read_text()) if path.exists() else None


async def pid_in(path: Path, eventually: Eventually) -> int:
    found: list[int | None] = [None]

    async def there() -> bool:
        found[0] = number(path)
        return found[0] is not None

    await eventually(there)
    assert found[0] is not None
    return found[0]


async def dead(pid: int) -> bool:
    return not lives(pid)


async def test_a_crashed_child_is_started_again(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervisor, "backoff_s", (0.01, 0.01))
    notes: list[tuple[str, str, int]] = []
    watched = Supervisor(env=os.environ, on_note=lambda *note: notes.append(note))
    watched.add("dies", python("-c", DIE, str(tmp_path / "lives")))

    async def again() -> bool:
        return len([word for _, word, _ in notes if word == "started"]) >= 2

    async with watched:
        await eventually(again)
    assert ("dies", "exited", 3) in notes


async def test_a_child_that_cannot_live_ends_the_wait_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervisor, "backoff_s", (0.01, 0.01))
    watched = Supervisor(env=os.environ, logs=tmp_path / "logs")
    watched.add("dies", python("-c", DIE, str(tmp_path / "lives")))
    async with watched:
        with pytest.raises(ChildError, match="dies ended 6 times in a row, last with code 3"):
            await watched.wait()
    assert len((tmp_path / "lives").read_text().split()) == 6


async def test_children_are_asked_to_end_before_they_are_killed(tmp_path: Path, eventually: Eventually) -> None:
    watched = Supervisor(env=os.environ)
    watched.add("polite", child(tmp_path, "polite", "polite"))
    async with watched:
        pid = await pid_in(tmp_path / "polite", eventually)
        assert watched.pids() == {"polite": pid}
        watched.request_stop()
        await watched.wait()
    assert (tmp_path / "polite.bye").read_text() == "bye"
    assert watched.pids() == {}
    assert not lives(pid)


async def test_a_child_that_does_not_end_is_killed_with_what_it_started(tmp_path: Path, eventually: Eventually) -> None:
    watched = Supervisor(env=os.environ, grace_s=0.1)
    watched.add("stubborn", child(tmp_path, "one", "stubborn", "parent"))
    async with watched:
        pids = [await pid_in(tmp_path / name, eventually) for name in ("one", "one.child")]
        assert all(lives(pid) for pid in pids)
    for pid in pids:
        await eventually(lambda pid=pid: dead(pid))  # type: ignore[misc]


async def test_what_a_crashed_child_had_started_does_not_outlive_it(tmp_path: Path, eventually: Eventually) -> None:
    watched = Supervisor(env=os.environ)
    watched.add("parent", child(tmp_path, "one", "parent"))
    async with watched:
        pid, below = [await pid_in(tmp_path / name, eventually) for name in ("one", "one.child")]
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: dead(below))


async def test_asked_twice_it_does_not_wait_for_the_stubborn(tmp_path: Path, eventually: Eventually) -> None:
    watched = Supervisor(env=os.environ, grace_s=600)
    watched.add("stubborn", child(tmp_path, "one", "stubborn"))
    async with asyncio.timeout(60), watched:
        await pid_in(tmp_path / "one", eventually)
        watched.request_stop()
        watched.request_stop()


async def test_killing_the_supervisor_ends_all_children_and_only_then_frees_its_lock(
    tmp_path: Path, eventually: Eventually
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISE, str(tmp_path), LIVE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    pids = [await pid_in(tmp_path / name, eventually) for name in ("one", "two", "one.child")]
    process.kill()
    await process.wait()
    with (tmp_path / "lock").open("a") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        for pid in pids:
            await eventually(lambda pid=pid: dead(pid))  # type: ignore[misc]


async def test_a_childs_output_goes_to_its_own_log(tmp_path: Path, eventually: Eventually) -> None:
    watched = Supervisor(env=os.environ, logs=tmp_path / "logs")
    for name in ("a", "b"):
        watched.add(name, python("-c", f"import sys; print('out {name}'); print('err {name}', file=sys.stderr)"))
    logs = [tmp_path / "logs" / f"{name}.log" for name in ("a", "b")]

    async def written() -> bool:
        return all(log.exists() and "out" in log.read_text() and "err" in log.read_text() for log in logs)

    async with watched:
        await eventually(written)
    assert "b" not in logs[0].read_text()


async def test_a_childs_output_is_handed_over_line_by_line(eventually: Eventually) -> None:
    lines: list[tuple[str, bytes]] = []
    watched = Supervisor(env={**os.environ, "SAID": "yes"}, on_line=lambda *line: lines.append(line))
    watched.add("a", python("-c", "import os; print(os.environ['SAID'], os.environ['OWN'])"), env={"OWN": "too"})
    watched.add("b", python("-c", "print('x' * 200_000)"))

    async def said() -> bool:
        return len([1 for name, _ in lines if name == "a"]) > 0 and any(
            name == "b" and line.endswith(b"\n") for name, line in lines
        )

    async with watched:
        await eventually(said)
    assert ("a", b"yes too\n") in lines
    whole = b"".join(line for name, line in lines if name == "b")
    assert whole.split(b"\n")[0] == b"x" * 200_000


async def test_a_program_that_is_not_there_is_a_child_that_cannot_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "backoff_s", (0.01, 0.01))
    watched = Supervisor(env=os.environ, on_line=lambda _name, _line: None)
    watched.add("missing", ["/no/such/program"])
    async with watched:
        with pytest.raises(ChildError, match="missing"):
            await watched.wait()
