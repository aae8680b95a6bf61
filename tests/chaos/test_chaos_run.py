"""A short storm over a whole deployment: every kind of fault once, and no promise broken."""

import json
from pathlib import Path

import pytest

from duecourse.simulator.chaos.run import run_chaos
from duecourse.simulator.chaos.storm import FAULTS
from duecourse.simulator.chaos.wishes import ChaosWishes


# The harness' own connections are cut as well, and a cut one is closed by nobody.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_no_promise_is_broken_though_every_kind_of_fault_hits_a_due_day(tmp_path: Path) -> None:
    wishes = ChaosWishes(seed=7, seconds=20, contacts=1_000, folder=tmp_path)
    notes: list[str] = []

    report = await run_chaos(wishes, notes.append)

    assert report["unrest"] is None
    assert report["broken_by"] == {}
    assert report["contacts"] >= 1_000
    assert report["accepted"] > 900
    injected = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in injected} >= {fault.name for fault in FAULTS}
    assert report["fault_count"] >= 30
    assert len(report["faults"]) >= 30
