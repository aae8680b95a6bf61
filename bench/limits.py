"""Part `limits`: how much of a provider's rate four workers use together, and whether they ever pass it."""

from asyncio import to_thread
from dataclasses import asdict

from bench.rate_limit import measure, runs
from bench.stage import Stage
from bench.wishes import Wishes

PROCESSES = 4
_SHORT_S = 5.0


async def limits(stage: Stage, wishes: Wishes) -> dict[str, object]:
    """The least use and all breaches over every run of rate_limit.py; one run only where there is little time."""
    wanted = runs(PROCESSES) if wishes.seconds >= _SHORT_S else runs(PROCESSES)[:1]
    found = [await to_thread(measure, stage.redis.url, run, wishes.seconds) for run in wanted]
    return {
        "rate_limits": [asdict(one) for one in found],
        "rate_limit_utilisation": min(one.utilisation for one in found),
        "rate_limit_breaches": sum(one.breaches for one in found),
    }
