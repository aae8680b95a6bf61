"""Part `costs`: what one governed contact takes of each part of the system, and the memory of its processes.

Counted between the first claims and the last settle of a due day, so that starting up is left out: processor time by
the kernel's account, bytes of the log and commands by the stores' own. These are the parameters of scaling.py.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

from bench.delivery import SMS_AT, answered
from bench.due_day import BEGUN, DAY, ENDED
from bench.measuring import families, server_cpu_s
from bench.stage import SCHEDULER, NotMeasured, Stage, worker
from bench.wishes import Wishes
from duecourse.bootstrap import App
from duecourse.ledger.clock import step_virtual_clock
from duecourse.processes.usage import cpu_s, peak_rss_mb

_COUNTS = """
SELECT count(*) FILTER (WHERE outcome IS NOT NULL), extract(epoch FROM clock_timestamp())::float8,
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
FROM attempts
"""
# Dramatiq runs as `python -m dramatiq`, and so do we as `python -m bench`.
_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'duecourse __main__.py'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Everything counted so far, at one moment."""

    contacts: int
    at: float
    wal_bytes: int
    worker_cpu_s: float
    scheduler_cpu_s: float
    postgres_cpu_s: float
    redis_cpu_s: float
    redis_commands: int


async def costs(stage: Stage, wishes: Wishes) -> dict[str, float]:
    """Through one-message calls, with all workers busy."""
    commands = [worker("sms")] * wishes.workers
    async with stage.app("costs", DAY) as (app, env):
        async with app.ledger.transaction() as tx:
            await step_virtual_clock(tx.conn, SMS_AT)
        with stage.running(env, *commands, SCHEDULER) as children:
            await answered(app, BEGUN)
            before = await _read(stage, app, children)
            await answered(app, ENDED)
            after = await _read(stage, app, children)
            (sessions,) = await _row(app, _CONNECTIONS)
            memory = peak_rss_mb(families(children[:-1]))
    connections = (sessions - app.ledger.pool.get_stats()["pool_size"]) / wishes.workers
    return {**_per_contact(before, after), "worker_rss_mb": memory, "connections_per_worker": connections}


async def _row(app: App, sql: str) -> tuple[Any, ...]:
    async with app.ledger.transaction() as tx:
        row = await (await tx.conn.execute(sql.encode())).fetchone()
    if row is None:
        raise NotMeasured("Postgres did not answer")
    return tuple(row)


async def _read(stage: Stage, app: App, children: Sequence[Popen[bytes]]) -> Reading:
    contacts, at, wal = await _row(app, _COUNTS)
    info: dict[str, Any] = await app.redis.info()
    return Reading(
        contacts=contacts,
        at=at,
        wal_bytes=wal,
        worker_cpu_s=cpu_s(families(children[:-1])),
        scheduler_cpu_s=cpu_s(families(children[-1:])),
        postgres_cpu_s=await asyncio.to_thread(server_cpu_s, stage.postgres),
        redis_cpu_s=float(info["used_cpu_user"]) + float(info["used_cpu_sys"]),
        redis_commands=int(info["total_commands_processed"]),
    )


def _per_contact(before: Reading, after: Reading) -> dict[str, float]:
    contacts = after.contacts - before.contacts
    if contacts <= 0:
        raise NotMeasured("the day ended before it could be watched: ask for more contacts")

    def each(name: str, scale: float) -> float:
        spent = float(getattr(after, name)) - float(getattr(before, name))
        return round(spent * scale / contacts, 2)

    return {
        "costs_contacts": contacts,
        "costs_per_s": round(contacts / (after.at - before.at), 1),
        "worker_cpu_us": each("worker_cpu_s", 1e6),
        "scheduler_cpu_us": each("scheduler_cpu_s", 1e6),
        "postgres_cpu_us": each("postgres_cpu_s", 1e6),
        "redis_cpu_us": each("redis_cpu_s", 1e6),
        "wal_bytes": each("wal_bytes", 1.0),
        "redis_commands": each("redis_commands", 1.0),
    }
