"""The demonstration, as a user runs it: it keeps its promises, and leaves nothing running however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DUECOURSE = (sys.executable, "-m", "duecourse.cli.main")
PROMISES = ("duplicates", "lost", "unrecorded", "quiet_hour_breaches", "paid_then_messaged")


def still_running(folder: Path) -> list[str]:
    """Command lines of processes that work in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in command or (entry / "cwd").readlink() == folder:
                found.append(command)
        except OSError:  # not a process, gone meanwhile, or not ours to look at
            continue
    return found


def wait_until_nothing_runs(folder: Path, within_s: float = 20) -> None:
    until = time.monotonic() + within_s
    while (left := still_running(folder)) and time.monotonic() < until:
        os.sched_yield()
    assert left == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for left-overs in /proc")
def test_a_short_demonstration_keeps_every_promise_and_leaves_nothing_running(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DUECOURSE, "demo", "--loans", "250", "--days", "2", "--report", "made/report.json",
         "--workers-sms", "2", "--schedulers", "2"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "made/report.json").read_text())
    assert {name: report[name] for name in PROMISES} == dict.fromkeys(PROMISES, 0)
    assert report["loans"] == 250
    assert report["planned"] > 50
    assert report["provider_accepted"] > 10
    assert report["accepted"] + report["assumed_sent"] >= report["provider_accepted"] - report["unknown"]
    assert report["suppressed"]["total"] > 0
    assert report["cancelled"]["by_reason"]["paid"] > 0
    assert report["acts"]["pay"] > 0
    assert report["latency_ms"]["due_to_accepted"]["p50"] > 0
    wait_until_nothing_runs(tmp_path)
    assert_no_borrower_is_named_in_the_logs(tmp_path / "var/demo")


def assert_no_borrower_is_named_in_the_logs(folder: Path) -> None:
    """The provider's book names them, as it must; no log of ours does."""
    entries = [json.loads(line) for line in (folder / "sandbox.jsonl").read_text().splitlines()]
    addresses = {entry["to"] for entry in entries if entry["kind"] == "accepted"}
    logs = "".join(path.read_text() for path in (folder / "logs").iterdir())
    assert addresses
    assert not [address for address in addresses if address in logs]


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for left-overs in /proc")
def test_an_interrupted_demonstration_leaves_nothing_running_and_runs_again(tmp_path: Path) -> None:
    command = [*DUECOURSE, "demo", "--loans", "40", "--days", "1"]
    with subprocess.Popen(
        [*command, "--keep"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as first:
        assert first.stdout is not None
        # Everything is up when the days begin.
        assert any("running; the borrowers' phones" in line for line in first.stdout)
        first.send_signal(signal.SIGINT)
        first.stdout.read()
        assert first.wait(timeout=60) == 130
    wait_until_nothing_runs(tmp_path)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    wait_until_nothing_runs(tmp_path)


def test_more_loans_than_the_book_holds_are_refused_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DUECOURSE, "demo", "--loans", "10001"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "10000" in done.stderr.replace(",", "")
