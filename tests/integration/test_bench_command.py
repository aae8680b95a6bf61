"""`duecourse bench` works, at a size that says nothing about speed: it measures what it says, and counts agree."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.books import DUE, PER_LOAN, SIZES
from bench.figures import FIGURES
from duecourse.cli import bench as command

#: Celery is not installed where tests run. The parts that need the machine for themselves to end in time are left out.
PARTS = ("costs", "payments", "planning", "limits")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    chart = tmp_path_factory.mktemp("bench") / "chart.svg"
    argv = ["bench", "--quick", "--only", ",".join(PARTS), "--json", "--chart", chart.name]
    done = subprocess.run(
        [sys.executable, "-m", "duecourse.cli.main", *argv],
        cwd=chart.parent,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert chart.read_text().startswith("<svg")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.long
def test_every_figure_of_the_parts_asked_for_is_measured(report: dict[str, Any]) -> None:
    assert report["failed"] == {}
    assert tuple(report["parts"]) == PARTS
    wanted = {f.name for f in FIGURES if f.part in PARTS} - {"tick_cost_ratio_10m_vs_100k"}
    assert {name for name in wanted if not isinstance(report.get(name), int | float)} == set()
    assert {f["name"] for f in report["figures"] if f["value"] is not None} == wanted


@pytest.mark.long
def test_a_tick_plans_what_is_due_and_what_is_planned_is_released(report: dict[str, Any]) -> None:
    book = report["books"]["20k"]
    due = min(DUE, SIZES["20k"] // PER_LOAN // 2)
    # Three rungs of the due day and one of the day after reach everybody of that book.
    assert book["tick_planned"] == 4 * due
    assert 0 < book["released"] <= book["planned"]


@pytest.mark.long
def test_nothing_is_sent_after_a_payment_and_no_limit_is_passed(report: dict[str, Any]) -> None:
    assert (report["sent_after_payment"], report["rate_limit_breaches"]) == (0, 0)
    assert 0 < report["payments_timed"] <= report["payments"] <= report["payments_cancelled_contacts"]


def test_what_does_not_exist_cannot_be_measured() -> None:
    result = CliRunner().invoke(command.app, ["--only", "speed"])
    assert result.exit_code == 2


def test_an_installed_package_says_where_the_measurements_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "_CHECKOUT", tmp_path)
    result = CliRunner().invoke(command.app, [])
    assert result.exit_code != 0
    assert "come with the source" in str(result.exception)
