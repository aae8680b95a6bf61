"""The model of many workers: its arithmetic, and the pages that show it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import pages
from bench.scaling import WORKERS, Costs, Site, ceilings, reach, tables, workers_until

#: A worker's core carries 1,000 contacts a second at 70 %.
COSTS = Costs(
    worker_cpu_us=700.0,
    postgres_cpu_us=200.0,
    plan_cpu_us=30.0,
    release_cpu_us=20.0,
    redis_cpu_us=7.0,
    wal_bytes=3_000.0,
    redis_commands=0.1,
    connections_per_worker=4.0,
)
AMPLE = Site(postgres_cores=1_000, wal_mb_per_s=1e6, connections=10**6, redis_cores=100, provider_per_s=1e9)


def test_workers_add_up_while_nothing_else_is_full() -> None:
    assert [round(reach(n, COSTS, AMPLE).per_s) for n in (1, 2, 200)] == [1_000, 2_000, 200_000]
    assert reach(200, COSTS, AMPLE).bound_by == "the workers"


@pytest.mark.parametrize(
    ("site", "part", "per_s"),
    [
        (Site(provider_per_s=2_000), "the provider's limits", 2_000),
        (Site(provider_per_s=1e9, postgres_cores=10), "Postgres' processor", 28_000),
        (Site(provider_per_s=1e9, postgres_cores=100, wal_mb_per_s=30), "Postgres' log", 10_000),
        (Site(provider_per_s=1e9, postgres_cores=100, connections=40), "Postgres' sessions", 10_000),
        (Site(provider_per_s=1e9, postgres_cores=1_000, wal_mb_per_s=1e6, connections=10**6), "Redis' processor", 1e5),
    ],
)
def test_the_part_that_gives_least_bounds_the_whole(site: Site, part: str, per_s: float) -> None:
    found = reach(1_000, COSTS, site)
    assert (found.bound_by, round(found.per_s)) == (part, per_s)
    assert round(workers_until(ceilings(COSTS, site)[0], COSTS)) == round(per_s / 1_000)


@given(workers=st.integers(1, 500), cores=st.integers(1, 128), limit=st.floats(1, 1e6))
def test_more_workers_never_bring_less_and_no_part_is_overdrawn(workers: int, cores: int, limit: float) -> None:
    site = Site(postgres_cores=cores, provider_per_s=limit)
    fewer, more = reach(workers, COSTS, site), reach(workers + 1, COSTS, site)
    assert fewer.per_s <= more.per_s <= more.could_per_s
    assert more.per_s <= limit
    assert more.postgres_cores <= cores


def test_the_tables_have_a_row_for_each_number_of_workers_and_each_part() -> None:
    text = tables(COSTS, Site())
    assert [text.count(f"\n| {workers} | ") for workers in WORKERS] == [3] * len(WORKERS)
    assert all(one.part in text for one in ceilings(COSTS, Site()))


def test_a_report_without_costs_is_refused() -> None:
    with pytest.raises(KeyError, match="worker_cpu_us"):
        Costs.of({"plan_cpu_us": 1})


def test_the_pages_say_what_the_kept_report_says() -> None:
    report = json.loads(pages.REPORT.read_text(encoding="utf-8"))
    assert [path.name for path in pages.stale(report)] == [], "run `python -m bench.pages`"


def test_another_report_makes_the_pages_stale() -> None:
    report: dict[str, Any] = json.loads(pages.REPORT.read_text(encoding="utf-8"))
    report["worker_cpu_us"] *= 2
    assert "scaling.md" in [path.name for path in pages.stale(report)]
    assert "performance.md" not in [path.name for path in pages.stale(report)]
