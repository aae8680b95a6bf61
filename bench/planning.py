"""Part `planning`: what a planning pass costs on books of any size, how fast contacts are planned and released.

A tick is one whole pass of the planner over every rung, with the same number of instalments due on every book.
Rates are taken on the day on which most of the book is due, and of the largest book.
"""

import time
from asyncio import to_thread
from datetime import datetime
from statistics import median

from bench.books import PEAK, SIZES, TICKS, make_book, require_room, tidy
from bench.delivery import answered
from bench.measuring import families, server_cpu_s
from bench.stage import SCHEDULER, Stage
from bench.wishes import Wishes
from duecourse.bootstrap import App
from duecourse.ledger.clock import step_virtual_clock
from duecourse.processes.usage import peak_rss_mb
from workers.environment import broker_of_process
from workers.queue import DramatiqQueue

_TICKED = f"SELECT count(*) > 0 FROM owners WHERE ticked_business = '{PEAK.isoformat()}'"  # noqa: S608 - ours
_SCHEDULER_S = 600.0
_ENOUGH = 50_000
Figures = dict[str, float]


async def planning(stage: Stage, wishes: Wishes) -> dict[str, object]:
    found: dict[str, Figures] = {}
    for name in wishes.books:
        require_room(stage.folder, SIZES[name])
        found[name] = await _one_book(stage, name)
    smallest, largest = found[wishes.books[0]], found[wishes.books[-1]]
    return {
        "books": found,
        "plan_rows_per_s": largest["plan_rows_per_s"],
        "plan_cpu_us": largest["plan_cpu_us"],
        "release_rows_per_s": largest["release_rows_per_s"],
        "release_cpu_us": largest["release_cpu_us"],
        "scheduler_rss_mb": largest["scheduler_rss_mb"],
        "scheduler_rss_growth": round(largest["scheduler_rss_mb"] / smallest["scheduler_rss_mb"], 3),
        **_tick_ratio(found),
    }


def _tick_ratio(found: dict[str, Figures]) -> dict[str, float]:
    if not {"100k", "10m"} <= found.keys():
        return {}
    return {"tick_cost_ratio_10m_vs_100k": round(found["10m"]["tick_s"] / found["100k"]["tick_s"], 2)}


async def _one_book(stage: Stage, name: str) -> Figures:
    async with stage.database(f"book_{name}") as env:
        began = time.monotonic()
        await to_thread(make_book, env["DATABASE_OWNER_URL"], SIZES[name])
        made = {"instalments": SIZES[name], "made_s": round(time.monotonic() - began, 1)}
        stage.note(f"planning: a book of {SIZES[name]:,} instalments made in {made['made_s']:g} s")
        async with stage.opened(env) as app:
            return {**made, **await _ticks(app), **await _peak(stage, app, env), **await _scheduler(stage, app, env)}


async def _ticks(app: App) -> Figures:
    """The middle one of the days on which the same number is due; again, for what a pass costs that plans nothing."""
    first, again = [], []
    for at in TICKS[:3]:
        planned, seconds = await _pass(app, at)
        first.append((seconds, planned))
        again.append((await _pass(app, at))[1])
    tick, planned = sorted(first)[1]
    return {"tick_s": round(tick, 4), "tick_planned": planned, "idle_tick_s": round(median(again), 4)}


async def _pass(app: App, at: datetime) -> tuple[int, float]:
    """One whole planning pass at a business time: how many contacts were planned, in how many seconds."""
    async with app.ledger.transaction() as tx:
        await step_virtual_clock(tx.conn, at)
    began = time.perf_counter()
    planned = await app.planning(actor="bench")()
    return sum(planned.values()), time.perf_counter() - began


async def _peak(stage: Stage, app: App, env: dict[str, str]) -> Figures:
    await to_thread(tidy, env["DATABASE_OWNER_URL"])
    before = server_cpu_s(stage.postgres)
    planned, seconds = await _pass(app, PEAK)
    between = server_cpu_s(stage.postgres)
    await to_thread(tidy, env["DATABASE_OWNER_URL"])
    tidied = server_cpu_s(stage.postgres)
    released, release_s = await _release(app)
    after = server_cpu_s(stage.postgres)
    return {
        "planned": planned,
        "plan_rows_per_s": round(planned / seconds),
        "plan_cpu_us": round((between - before) * 1e6 / max(planned, 1), 2),
        "released": released,
        "release_rows_per_s": round(released / release_s),
        "release_cpu_us": round((after - tidied) * 1e6 / max(released, 1), 2),
    }


async def _release(app: App) -> tuple[int, float]:
    """Round after round, for more than any provider can carry before the next."""
    queue = DramatiqQueue(broker_of_process(app.settings))
    release = app.releasing(queue)
    total, began = 0, time.perf_counter()
    try:
        while total < _ENOUGH and (some := sum((await release()).values())):
            total += some
        return total, time.perf_counter() - began
    finally:
        await queue.aclose()


async def _scheduler(stage: Stage, app: App, env: dict[str, str]) -> Figures:
    """The most memory that a scheduler took for a whole round on this book: it reads everything that is due."""
    with stage.running(env, SCHEDULER) as children:
        await answered(app, _TICKED, _SCHEDULER_S)
        return {"scheduler_rss_mb": peak_rss_mb(families(children))}
