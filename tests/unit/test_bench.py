"""What the benchmark decides without measuring anything: which figure is met, what is measured, what is drawn."""

import os
import subprocess
import sys
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from bench.chart import chart
from bench.figures import FIGURES, Figure, joint, judged
from bench.measuring import quantile
from bench.wishes import PARTS, Wishes, chosen_books, chosen_parts
from duecourse.processes.usage import cpu_s, family, peak_rss_mb


@pytest.mark.parametrize(
    ("relation", "value", "expected"),
    [
        (">=", 3.0, True), (">=", 2.99, False), ("<=", 3.0, True), ("<=", 3.01, False), ("<", 3.0, False),
        ("<", 2.99, True), (">=", None, None), ("", 7.0, None),
    ],
)  # fmt: skip
def test_a_figure_is_met_at_its_bound_or_is_not(relation: str, value: float | None, expected: object) -> None:
    assert Figure(name="n", part="p", what="w", relation=relation, reach=3).met(value) is expected


def test_every_figure_of_a_part_is_judged_once_and_told_with_what_is_asked() -> None:
    found = judged({"ratio_vs_bare_dramatiq": 2.9, "rate_limit_breaches": 0})
    assert Counter(figure["name"] for figure in found) == Counter(figure.name for figure in FIGURES)
    assert {figure["part"] for figure in found} == set(PARTS)
    told = {figure["name"]: figure for figure in found}
    assert (told["ratio_vs_bare_dramatiq"]["met"], told["ratio_vs_bare_dramatiq"]["asked"]) == (False, ">= 3, aim 4")
    assert told["rate_limit_breaches"]["met"] is True
    assert told["plan_rows_per_s"]["value"] is told["plan_rows_per_s"]["met"] is None


def test_two_parts_make_a_ratio_and_one_makes_none() -> None:
    assert joint({"celery_per_s": 500.0, "governed_single_per_s": 4_000.0}) == {"ratio_vs_celery": 8.0}
    assert joint({"celery_per_s": 500.0}) == {}


def test_parts_and_books_come_in_their_own_order_whatever_order_they_are_named_in() -> None:
    assert chosen_parts("limits, Delivery") == ("delivery", "limits")
    assert chosen_books("10m,100k") == ("100k", "10m")


@pytest.mark.parametrize(("text", "word"), [("limits,speed", "'speed'"), (" , ", "at least one")])
def test_a_part_that_does_not_exist_is_named(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=f"--only: .*{word}"):
        chosen_parts(text)


def test_a_quick_run_measures_the_same_parts() -> None:
    assert Wishes().quick().parts == PARTS


@pytest.mark.parametrize(("part", "value"), [(0.5, 51), (0.99, 100), (1.0, 100), (0.0, 1)])
def test_a_quantile_is_one_of_the_values(part: float, value: float) -> None:
    assert quantile([float(n) for n in range(100, 0, -1)], part) == value


def test_the_chart_has_a_bar_for_each_way_that_was_measured_as_long_as_it_was_fast() -> None:
    report = {"bare_dramatiq_per_s": 1_000.0, "governed_single_per_s": 3_000.0, "celery_per_s": None, "cores": 2}
    drawn = ET.fromstring(chart(report))
    space = "{http://www.w3.org/2000/svg}"
    bars = [float(bar.get("width", 0)) for bar in drawn.findall(f"{space}rect")[1:]]
    assert bars[1] == pytest.approx(3 * bars[0], abs=0.2)
    assert len(bars) == 2
    assert "3,000  (3.0x)" in [text.text for text in drawn.findall(f"{space}text")]


def test_a_process_is_measured_with_its_children_and_one_that_ended_counts_nothing() -> None:
    wait = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", wait], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        parent.stdout.readline()
        pids = family(parent.pid)
        assert len(pids) == 2
        assert peak_rss_mb(pids) > 1
        parent.communicate(b"\n")
    assert (peak_rss_mb(pids), cpu_s(pids), family(pids[0])) == (0, 0, pids[:1])
    assert cpu_s([os.getpid()]) > 0
