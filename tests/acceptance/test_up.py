"""`duecourse up` on a machine with nothing set up: it comes up, and whatever ends it leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = {"scheduler", "sms", "push", "email", "inbox", "web"}


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def bare(tmp_path: Path, port: int) -> Iterator[dict[str, str]]:
    """An environment that names neither stores nor keys; whatever a failed test leaves running is ended."""
    yield {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "DUECOURSE_CONFIG_DIR": str(REPOSITORY / "config"),
        "DUECOURSE_VAR_DIR": str(tmp_path / "var"),
        "DUECOURSE_WEB_PORT": str(port),
    }
    for pid in running(tmp_path):
        os.kill(pid, signal.SIGKILL)


def start(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "duecourse.cli.main", *(arguments or ("up", "--json")))
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def running(folder: Path) -> list[int]:
    """Every process that was started for this folder: they inherit the variable that names it."""
    mark = str(folder).encode()
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _mentions(entry, mark)]


def _mentions(process: Path, mark: bytes) -> bool:
    try:
        return int(process.name) != os.getpid() and any(
            mark in (process / file).read_bytes() for file in ("cmdline", "environ")
        )
    except OSError:
        return False


def becomes(question: Callable[[], object], *, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.02)
    return False


def announced(process: subprocess.Popen[str]) -> dict[str, dict[str, int]]:
    """What it says once everything is started; earlier lines are others'."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('{"url"'):
            told: dict[str, dict[str, int]] = json.loads(line)
            return told
    raise AssertionError("it ended before it was up")


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def end(process: subprocess.Popen[str], number: int) -> str:
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    return said


def test_it_comes_up_restarts_what_crashes_and_stops_without_a_trace(
    bare: dict[str, str], port: int, tmp_path: Path
) -> None:
    up = start(bare)
    told = announced(up)
    assert set(told["processes"]) == NAMES
    assert becomes(lambda: answers(port, "/readyz"))

    os.kill(told["processes"]["web"], signal.SIGKILL)
    assert becomes(lambda: not answers(port, "/readyz"))
    assert becomes(lambda: answers(port, "/readyz"))

    second = start(bare)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "duecourse up runs already" in said

    end(up, signal.SIGTERM)
    assert up.returncode == 0
    assert running(tmp_path) == []


def test_killing_it_ends_everything_and_the_next_one_finds_what_was_written(
    bare: dict[str, str], tmp_path: Path
) -> None:
    up = start(bare)
    announced(up)
    keys = [path.read_bytes() for path in sorted((tmp_path / "var" / "keys").iterdir())]
    up.kill()
    up.communicate()
    assert becomes(lambda: running(tmp_path) == [])

    again = start(bare, "migrate", "--json")
    said, _ = again.communicate(timeout=60)
    assert json.loads(said) == {"applied": []}
    assert [path.read_bytes() for path in sorted((tmp_path / "var" / "keys").iterdir())] == keys


@pytest.mark.parametrize("moment", ["postgres/initdb.log", "postgres/data/postmaster.pid", "redis/server.log"])
def test_ctrl_c_while_stores_start_leaves_nothing_running(bare: dict[str, str], tmp_path: Path, moment: str) -> None:
    up = start(bare)
    assert becomes((tmp_path / "var" / moment).exists)
    end(up, signal.SIGINT)
    assert up.returncode != 0
    assert becomes(lambda: running(tmp_path) == [])


def test_a_taken_port_is_named_with_the_variable_to_set(
    bare: dict[str, str], database_url: str, owner_database_url: str, redis_url: str, port: int
) -> None:
    stores = {"DATABASE_URL": database_url, "DATABASE_OWNER_URL": owner_database_url, "REDIS_URL": redis_url}
    with socket.create_server(("127.0.0.1", port)):
        up = start(bare | stores | keys_of_this_test())
        said, _ = up.communicate(timeout=60)
    assert up.returncode == 1
    assert said.strip() == f"error: port {port} is taken: set DUECOURSE_WEB_PORT"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "error: Postgres cannot be reached"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "error: Redis cannot be reached (ConnectionError): check REDIS_URL"),
        ({"DUECOURSE_MASTER_KEY": ""}, "DUECOURSE_MASTER_KEY: is not set"),
    ],
    ids=["postgres", "redis", "keys"],
)
def test_a_store_of_ones_own_that_is_away_is_named(
    bare: dict[str, str], environment: dict[str, str], broken: dict[str, str], message: str
) -> None:
    stores = (
        environment
        | {"DUECOURSE_VAR_DIR": bare["DUECOURSE_VAR_DIR"], "DUECOURSE_WEB_PORT": bare["DUECOURSE_WEB_PORT"]}
        | broken
    )
    if "DATABASE_URL" in broken:
        del stores["DATABASE_OWNER_URL"]
    up = start(stores)
    said, _ = up.communicate(timeout=60)
    assert up.returncode != 0
    assert message in said
    assert len(said.strip().splitlines()) == 1


def keys_of_this_test() -> dict[str, str]:
    return {"DUECOURSE_MASTER_KEY": "1:" + "A" * 43 + "=", "DUECOURSE_INDEX_KEY": "B" * 42 + "A="}


def test_migrate_works_on_a_bare_machine_and_twice(bare: dict[str, str], tmp_path: Path) -> None:
    outputs = []
    for _ in range(2):
        process = start(bare, "migrate", "--json")
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        outputs.append(json.loads(said)["applied"])
    assert outputs[0][0] == "0001_book"
    assert outputs[1] == []
    assert running(tmp_path) == []
