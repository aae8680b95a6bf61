"""What more workers bring, and where it ends: a worked model over measured costs. Pure, and runnable.

    python -m bench.scaling [docs/assets/bench.json] [--postgres-cores 32] [--provider-per-s 2000]

Every part has a price per contact, taken from a run of the benchmark, and so much of it to give, named here. What all
workers together could do is cut to the part that gives least. Queueing is not in it: a part counts as full at SHARE of
its processor. Receipts and replies are not in it either; they come through the web process and write their own rows.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

WORKERS = (2, 8, 16, 32, 64, 100, 200)
SHARE = 0.7
_CHANNELS = 3
BUILT = Path(__file__).resolve().parent.parent / "docs" / "assets" / "bench.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """Of one contact, from plan to settled, one message a call. Named as in the benchmark's report."""

    worker_cpu_us: float
    postgres_cpu_us: float
    plan_cpu_us: float
    release_cpu_us: float
    redis_cpu_us: float
    wal_bytes: float
    redis_commands: float
    connections_per_worker: float

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> "Costs":
        """Those of a report.

        Raises:
            KeyError: the report does not have them all: parts `costs` and `planning` make them.
        """
        return cls(**{field.name: float(report[field.name]) for field in fields(cls)})

    @property
    def postgres_us(self) -> float:
        """Planning and releasing included."""
        return self.postgres_cpu_us + self.plan_cpu_us + self.release_cpu_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What a deployment has to give. The defaults are one solid Postgres, one Redis, and four provider accounts."""

    postgres_cores: int = 32
    wal_mb_per_s: float = 300.0
    """What the disk, and every replica behind it, takes in a steady stream."""
    connections: int = 500
    """Sessions that Postgres keeps well, workers' and all others'."""
    redis_cores: int = 1
    """Redis serves commands on one core; a Redis per channel has as many."""
    provider_per_s: float = 2_000.0
    """All enabled accounts together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """The most contacts a second that one part carries, and what a deployment does about it."""

    part: str
    per_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What so many workers come to."""

    workers: int
    could_per_s: float
    """If nothing else were in the way: a core each."""
    per_s: float
    bound_by: str
    postgres_cores: float
    wal_mb_per_s: float
    redis_part: float
    """Of one core."""
    connections: int


def ceilings(costs: Costs, site: Site) -> list[Ceiling]:
    """The parts that workers share."""
    shared = {
        "the provider's limits": site.provider_per_s,
        "Postgres' processor": site.postgres_cores * SHARE * 1e6 / costs.postgres_us,
        "Postgres' log": site.wal_mb_per_s * 1e6 / costs.wal_bytes,
        "Redis' processor": site.redis_cores * SHARE * 1e6 / costs.redis_cpu_us,
        "Postgres' sessions": site.connections / costs.connections_per_worker * SHARE * 1e6 / costs.worker_cpu_us,
    }
    return [Ceiling(part=part, per_s=per_s) for part, per_s in sorted(shared.items(), key=lambda pair: pair[1])]


def reach(workers: int, costs: Costs, site: Site) -> Reach:
    could = workers * SHARE * 1e6 / costs.worker_cpu_us
    least = ceilings(costs, site)[0]
    per_s = min(could, least.per_s)
    return Reach(
        workers=workers,
        could_per_s=could,
        per_s=per_s,
        bound_by="the workers" if could <= least.per_s else least.part,
        postgres_cores=per_s * costs.postgres_us / 1e6,
        wal_mb_per_s=per_s * costs.wal_bytes / 1e6,
        redis_part=per_s * costs.redis_cpu_us / 1e6,
        connections=round(workers * costs.connections_per_worker),
    )


def workers_until(ceiling: Ceiling, costs: Costs) -> float:
    """How many workers fill this part."""
    return ceiling.per_s * costs.worker_cpu_us / (SHARE * 1e6)


def tables(costs: Costs, site: Site) -> str:
    """Markdown: the costs, the ceilings, and what workers come to as one limit after the other is lifted."""
    wide = replace(site, provider_per_s=float("inf"))
    return "\n\n".join([
        _table(["of one contact", "it takes"], _prices(costs)),
        _table(["part", "contacts a second at most", "full with so many workers"], _limits(costs, site)),
        f"With accounts for {site.provider_per_s:,.0f} messages a second:",
        _reaches(costs, site),
        "With accounts that take whatever comes:",
        _reaches(costs, wide),
        f"The same with a Redis for each of {_CHANNELS} channels:",
        _reaches(costs, replace(wide, redis_cores=_CHANNELS)),
    ])


def _prices(costs: Costs) -> Iterator[list[str]]:
    yield ["a worker's processor", f"{costs.worker_cpu_us:,.0f} µs"]
    yield ["Postgres' processor: claim, facts, attempt, settle, events", f"{costs.postgres_cpu_us:,.0f} µs"]
    yield ["Postgres' processor: plan, release", f"{costs.plan_cpu_us:,.0f} µs, {costs.release_cpu_us:,.0f} µs"]
    yield ["Postgres' log", f"{costs.wal_bytes:,.0f} bytes"]
    yield ["Redis", f"{costs.redis_commands:.2f} commands, {costs.redis_cpu_us:.1f} µs"]
    yield ["Postgres sessions of a worker process", f"{costs.connections_per_worker:.1f}"]


def _limits(costs: Costs, site: Site) -> Iterator[list[str]]:
    for one in ceilings(costs, site):
        yield [one.part, f"{one.per_s:,.0f}", f"{workers_until(one, costs):,.0f}"]


def _reaches(costs: Costs, site: Site) -> str:
    head = ["workers", "contacts a second", "bound by", "Postgres cores", "log, MB/s", "Redis", "sessions"]
    found = [reach(workers, costs, site) for workers in WORKERS]
    rows = (
        [str(r.workers), f"{r.per_s:,.0f}", r.bound_by, f"{r.postgres_cores:.1f}", f"{r.wal_mb_per_s:.1f}",
         f"{r.redis_part:.0%} of a core", str(r.connections)]
        for r in found
    )  # fmt: skip
    return _table(head, rows)


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", nargs="?", type=Path, default=BUILT, help="JSON of `duecourse bench --json`")
    for field in fields(Site):
        kind = int if field.type is int else float
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    options = vars(parser.parse_args())
    report = json.loads(options.pop("report").read_text(encoding="utf-8"))
    print(tables(Costs.of(report), Site(**options)))


if __name__ == "__main__":
    main()
