"""How much of a rate limit several workers use together, and whether they keep it.

    python bench/rate_limit.py [--seconds 10] [--processes 4] [--url redis://...] [--json]

It starts an embedded Redis unless one is named. Every process takes what it is granted and asks again when it was told
to, as workers do. Grants are dated by Redis' own clock. Utilisation is what was granted, the first burst left out, by
rate x time; a breach is a grant that ends a span of one second with more than rate + burst. The last run divides the
limit by priority: of four processes two ask for bulk, one for normal and one for urgent, each for all it can get.
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from channels.gcra import SECOND, Limits, Rate, Share
from channels.limits import RedisLimiter, connect
from duecourse.embedded import start_redis

PROVIDER = "bench"
WANT = 100
SHARES = {
    "urgent": Share(up_to=3, fraction=0.6),
    "normal": Share(up_to=6, fraction=0.2),
    "bulk": Share(up_to=9, fraction=0.1),
}
TURNS = (9, 8, 5, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    name: str
    limits: Limits
    priorities: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    what: str
    rate_per_s: float
    burst: int
    processes: int
    seconds: float
    granted: int
    calls_per_s: float
    utilisation: float
    most_in_a_second: int
    breaches: int
    of_guarantee: dict[str, float] = field(default_factory=dict)
    """What each class got by what it surely should."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grants:
    """(moment, tokens) of one process, on Redis' clock, and the priority that it asked for."""

    priority: int
    taken: list[tuple[int, int]]


class Recording(RedisLimiter):
    """Remembers when Redis granted how much: the answer's third number."""

    def __init__(self, url: str, limits: Limits) -> None:
        super().__init__(connect(url), {PROVIDER: limits})
        self.taken: list[tuple[int, int]] = []

    async def _ask(
        self, provider: str, operation: str, amount: int, *, turn: int = 0, endpoint: str = ""
    ) -> list[int] | None:
        answer = await super()._ask(provider, operation, amount, turn=turn, endpoint=endpoint)
        if answer is None:
            raise SystemExit("Redis went away: there is nothing to measure")
        self.taken.append((answer[2], answer[0]))
        return answer


async def worker(url: str, run: Run, priority: int, seconds: float) -> Grants:
    limiter = Recording(url, run.limits)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        grant = await limiter.take(PROVIDER, WANT, priority=priority)
        await asyncio.sleep(grant.wait_s)
    await limiter.aclose()
    return Grants(priority=priority, taken=limiter.taken)


def work(arguments: tuple[str, Run, int, float]) -> Grants:
    return asyncio.run(worker(*arguments))


def measure(url: str, run: Run, seconds: float) -> Figure:
    asyncio.run(forget(url))
    with multiprocessing.get_context("spawn").Pool(len(run.priorities)) as pool:
        found = pool.map(work, [(url, run, priority, seconds) for priority in run.priorities], chunksize=1)
    return figure(run, found, seconds)


async def forget(url: str) -> None:
    client = connect(url)
    await client.delete(f"duecourse:{{{PROVIDER}}}:account", f"duecourse:{{{PROVIDER}}}:pace")
    await client.aclose()


def figure(run: Run, found: Sequence[Grants], seconds: float) -> Figure:
    """Over the time in which all processes asked: they do not start at the same moment."""
    rate, begin = run.limits.account, max(grants.taken[0][0] for grants in found)
    end = begin + int((seconds - 1.0) * SECOND)
    every = sorted(one for grants in found for one in grants.taken)
    inside = [count for now, count in every if begin < now <= end]
    most = max(in_a_second(every))
    return Figure(
        what=run.name,
        rate_per_s=rate.per_s,
        burst=rate.burst,
        processes=len(found),
        seconds=(end - begin) / SECOND,
        granted=sum(inside),
        calls_per_s=round(len(inside) * SECOND / (end - begin), 1),
        utilisation=round(sum(inside) * SECOND / (rate.per_s * (end - begin)), 4),
        most_in_a_second=most,
        breaches=sum(1 for count in in_a_second(every) if count > rate.per_s + rate.burst),
        of_guarantee=of_guarantee(run, found, (begin, end)),
    )


def in_a_second(every: Sequence[tuple[int, int]]) -> Iterator[int]:
    """For each grant, all that was granted in the second that ends with it."""
    window: deque[tuple[int, int]] = deque()
    total = 0
    for now, count in every:
        window.append((now, count))
        total += count
        while window[0][0] < now - SECOND:
            total -= window.popleft()[1]
        yield total


def of_guarantee(run: Run, found: Sequence[Grants], span: tuple[int, int]) -> dict[str, float]:
    got: Counter[int] = Counter()
    for grants in found:
        turn = run.limits.turn(grants.priority)
        got[turn] += sum(count for now, count in grants.taken if span[0] < now <= span[1])
    whole = run.limits.account.per_s * (span[1] - span[0]) / SECOND
    names = [(name, run.limits.shares.index(share)) for name, share in SHARES.items() if share in run.limits.shares]
    return {name: round(got[turn] / (whole * run.limits.shares[turn].fraction), 3) for name, turn in names}


def runs(processes: int) -> list[Run]:
    alike = [5] * processes
    mixed = [TURNS[index % len(TURNS)] for index in range(processes)]
    classes = Limits(account=Rate(per_s=200, burst=20), shares=tuple(SHARES.values()), reserve=0.5)
    return [
        Run(name="200/s", limits=Limits(account=Rate(per_s=200, burst=20)), priorities=alike),
        Run(name="1,000/s", limits=Limits(account=Rate(per_s=1_000, burst=100)), priorities=alike),
        Run(name="200/s in classes", limits=classes, priorities=mixed),
    ]


@contextmanager
def redis() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = start_redis(Path(folder) / "redis", durable=False)
        try:
            yield server.url
        finally:
            server.stop()


def measured(url: str, processes: int, seconds: float) -> list[Figure]:
    return [measure(url, run, seconds) for run in runs(processes)]


def show(one: Figure) -> None:
    bound = one.rate_per_s + one.burst
    print(f"{one.what:<17} {one.granted:>6,} granted in {one.seconds:g} s by {one.processes} processes: "
          f"{one.utilisation:.2%} of the limit, at most {one.most_in_a_second:,} in any second (bound {bound:,.0f}), "
          f"{one.breaches} breaches, {one.calls_per_s:,.0f} calls/s")  # fmt: skip
    if one.of_guarantee:
        print(" " * 18, ", ".join(f"{name} {part:.1%} of its guarantee" for name, part in one.of_guarantee.items()))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=10.0, help="of each run, at least 2")
    options.add_argument("--processes", type=int, default=4)
    options.add_argument("--url")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    if chosen.seconds < 2 or chosen.processes < 1:  # noqa: PLR2004 - as the help says
        options.error("--seconds must be at least 2, --processes at least 1")
    if chosen.url:
        figures = measured(chosen.url, chosen.processes, chosen.seconds)
    else:
        with redis() as url:
            figures = measured(url, chosen.processes, chosen.seconds)
    if chosen.json:
        print(json.dumps([asdict(one) for one in figures], indent=2))
        return
    for one in figures:
        show(one)


if __name__ == "__main__":
    main()
