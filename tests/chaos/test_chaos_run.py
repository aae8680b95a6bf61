"""A short storm over a whole deployment: every kind of fault once, and no promise broken."""

import json
from pathlib import Path

import pytest

from duecourse.simulator.chaos.run import run_chaos
from duecourse.simulator.chaos.storm import FAULTS
from duecourse.simulator.chaos.wishes import ChaosWishes
from duecourse.simulator.promises import TAKEN


# The harness' own connections are cut as well, and a cut one is closed by nobody.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_no_promise_is_broken_though_every_kind_of_fault_hits_a_due_day(tmp_path: Path) -> None:
    wishes = ChaosWishes(seed=7, seconds=20, contacts=1_000, folder=tmp_path)
    notes: list[str] = []

    report = await run_chaos(wishes, notes.append)

    # What went wrong is told by the report as a whole; the logs and every fault's time are in its folder.
    told = json.dumps(report, indent=1) + f"\n{tmp_path}\n" + "\n".join(notes)
    assert report["unrest"] is None, told
    assert report["broken_by"] == {}, told
    assert report["contacts"] >= 1_000, told
    # The push provider can never be asked: whole batches of its fifth may be assumed sent, and were perhaps not taken.
    assert report["accepted"] > 700, told
    assert sum(report["states"].get(state, 0) for state in (*TAKEN, "assumed_sent")) > 900, told
    injected = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in injected} >= {fault.name for fault in FAULTS}, told
    assert report["fault_count"] >= 30, told
    assert sum(count > 0 for count in report["faults"].values()) >= 30, told
