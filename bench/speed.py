"""Parts `delivery` and `celery`: messages a second, each way on the same sink in the same run."""

import argparse
import importlib.util
import subprocess
import sys
import time
from asyncio import to_thread

import redis

from bench.delivery import PUSH_AT, RIVALS, SMS_AT, bare, ceiling, pipeline
from bench.due_day import DAY
from bench.measuring import until
from bench.stage import NotMeasured, Stage
from bench.wishes import Wishes


async def delivery(stage: Stage, wishes: Wishes) -> dict[str, float]:
    """The governed pipeline with all workers and with one, the bare actor, and the transport's ceiling."""
    amount = argparse.Namespace(contacts=wishes.contacts, workers=wishes.workers)
    async with stage.app("delivery", DAY) as (app, env):
        batch = await pipeline(app, env, ("push", PUSH_AT), amount)
        single = await pipeline(app, env, ("sms", SMS_AT), amount)
        bare_rate = await to_thread(bare, env, max(wishes.contacts // 2, 100))
        most = await to_thread(ceiling, env, wishes.contacts * 2, wishes.workers)
        own = await to_thread(ceiling, env, wishes.contacts * 2, wishes.workers, "own")
    async with stage.app("alone", DAY) as (app, env):
        alone = await pipeline(app, env, ("sms", SMS_AT), argparse.Namespace(contacts=wishes.contacts, workers=1))
    return {
        "bare_dramatiq_per_s": round(bare_rate, 1),
        "http_ceiling_per_s": round(most, 1),
        "own_ceiling_per_s": round(own, 1),
        "governed_single_per_s": round(single, 1),
        "governed_batch_per_s": round(batch, 1),
        "one_worker_per_s": round(alone, 1),
        "ratio_vs_bare_dramatiq": round(single / bare_rate, 2),
        "ratio_vs_http_ceiling": round(single / most, 3),
        "ratio_vs_own_ceiling": round(single / own, 3),
        "batch_ratio_vs_bare": round(batch / bare_rate, 2),
        "ratio_vs_one_worker": round(single / alone, 2),
    }


async def celery(stage: Stage, wishes: Wishes) -> dict[str, float]:
    """Tasks a second through two prefork processes."""
    if importlib.util.find_spec("celery") is None:
        raise NotMeasured("Celery is not installed: pip install 'celery>=5.4', or run `make bench`")
    async with stage.database("celery") as env:
        rate = await to_thread(_celery, stage, env, max(wishes.contacts // 4, 200))
    return {"celery_per_s": round(rate, 1)}


def _celery(stage: Stage, env: dict[str, str], count: int) -> float:
    code = f"import celery_task; celery_task.enqueue({count})"
    subprocess.run([sys.executable, "-c", code], env=env, cwd=RIVALS, check=True)
    # Celery takes its options from the command line only; as root it warns and runs.
    command = ("celery", "-A", "celery_task", "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel",
               "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat")  # fmt: skip
    with redis.Redis.from_url(env["REDIS_URL"]) as client, stage.running(env, command, cwd=RIVALS):
        until(lambda: client.llen("celery") < count, "Celery's start")
        began = time.monotonic()
        until(lambda: client.llen("celery") == 0 and client.hlen("unacked") == 0, "the end of Celery's tasks")
        return count / (time.monotonic() - began)
