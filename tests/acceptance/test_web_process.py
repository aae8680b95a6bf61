"""`duecourse web` as a process: it answers, says what is wrong, and stops when told to."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "duecourse.cli.main", "web", "--json"]
LONGEST_S = 60


@contextmanager
def web(environment: dict[str, str], *more: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*COMMAND, *more],
        cwd=REPOSITORY,
        env=environment | {"DUECOURSE_LOG_FORMAT": "json"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_stop(number: int, environment: dict[str, str]) -> None:
    with web(environment, "--port", "0") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with urlopen(f"{url}/readyz", timeout=LONGEST_S) as answer:
            assert json.load(answer)["ready"] is True
        with urlopen(f"{url}/metrics", timeout=LONGEST_S) as answer:
            assert b"duecourse_figures_up 1.0" in answer.read()
        process.send_signal(number)
        _, errors = process.communicate(timeout=LONGEST_S)

    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in errors.splitlines()] == ["web.started", "web.stopped"]


def test_a_port_that_is_taken_is_named_in_one_line(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with web(environment, "--port", str(port)) as process:
            out, errors = process.communicate(timeout=LONGEST_S)

    assert (process.returncode, out) == (1, "")
    assert errors == f"error: port {port} of 127.0.0.1 is taken: stop what listens there, or name another with --port\n"


def test_a_postgres_that_is_away_is_named_in_one_line(environment: dict[str, str]) -> None:
    away = environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    with web(away, "--port", "0") as process:
        out, errors = process.communicate(timeout=LONGEST_S)

    assert (process.returncode, out) == (1, "")
    assert [line for line in errors.splitlines() if not line.startswith("{")] == [
        "error: Postgres cannot be reached: check DATABASE_URL, and that migrations have run"
    ]
