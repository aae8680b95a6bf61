"""The containers' health check tells what is wrong and fails."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "healthcheck.py"


def check(name: str, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), name],
        env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.strip()


@pytest.fixture
def worker() -> Iterator[str]:
    """Two processes that look like a worker of a channel that nobody else runs."""
    waiting = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "workers.pigeon"]
    pool = [subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for process in pool:
        assert process.stdout is not None
        process.stdout.readline()
    yield "pigeon"
    for process in pool:
        process.communicate()


def test_a_process_that_does_not_run_is_ill() -> None:
    assert check("raven") == (1, "raven does not run")


def test_a_worker_whose_stores_answer_is_well(worker: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as store:
        port = store.getsockname()[1]
        urls = {"DATABASE_URL": f"postgresql://x:y@127.0.0.1:{port}/x", "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        assert check(worker, **urls) == (0, "")


def test_a_worker_whose_store_is_away_is_ill_and_tells_no_secret(worker: str) -> None:
    code, said = check(worker, DATABASE_URL="postgresql://x:secret@127.0.0.1:1/x")
    assert (code, said) == (1, "DATABASE_URL cannot be reached: ConnectionRefusedError")


def test_a_web_process_that_does_not_answer_is_ill() -> None:
    assert check("web", DUECOURSE_WEB_PORT="1") == (1, "web does not answer: URLError")
