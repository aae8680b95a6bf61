"""Part `latency`: from due to accepted by the provider, on the real clock, at a tenth and at 80 % of what was measured.

A rung makes all contacts of a time zone due at once; here they become due evenly, one after the other. The time runs
from a contact's due instant to the instant at which Postgres recorded that the provider took it.
"""

from asyncio import to_thread
from datetime import datetime, timedelta
from typing import Any

import psycopg

from bench.delivery import answered
from bench.due_day import DAY
from bench.stage import SCHEDULER, NotMeasured, Stage, worker
from bench.wishes import Wishes
from duecourse.bootstrap import App

LOADS = {"": 0.1, "80_": 0.8}
#: A worker opens what it needs with its first batch: so many contacts come before those that count.
_WARM_PER_WORKER = 100
_SETTLE_S = 120.0
_LEAST_PER_S = 20.0

_MOVE = """
UPDATE instalments SET due_on = %(today)s;
UPDATE borrowers SET time_zone = %(zone)s;
ANALYZE instalments
"""
# Only what has an address is kept, no more than the load needs, and nothing is due before it is told.
# The others are cancelled: what is deleted would be planned again.
_KEEP = """
WITH chosen AS (
    SELECT c.contact_id FROM contacts c JOIN contact_points p USING (borrower_id, channel)
    WHERE c.rung = 'T0-midday' AND c.channel = 'sms' ORDER BY c.contact_id LIMIT %(count)s
), dropped AS (
    UPDATE contacts SET state = 'cancelled' WHERE contact_id NOT IN (SELECT contact_id FROM chosen)
)
UPDATE contacts c SET not_before = not_after - interval '1 minute'
FROM chosen WHERE c.contact_id = chosen.contact_id
"""
_TICKED = "SELECT EXISTS (SELECT FROM owners WHERE ticked_at IS NOT NULL)"
# Evenly, one after the other, from now on; where the gap is nothing, all at once.
_SPREAD = """
WITH chosen AS (
    SELECT contact_id, row_number() OVER (ORDER BY contact_id) AS place
    FROM contacts WHERE state = 'planned' ORDER BY contact_id LIMIT %(count)s
)
UPDATE contacts c SET scheduled_at = at, not_before = at
FROM chosen, LATERAL (SELECT clock_timestamp() + place * %(gap)s AS at) t
WHERE c.contact_id = chosen.contact_id
"""
_QUANTILES = """
SELECT count(*), percentile_cont(ARRAY[0.5, 0.95, 0.99, 1]) WITHIN GROUP (
    ORDER BY extract(epoch FROM a.settled_at - c.not_before))
FROM contacts c JOIN attempts a USING (contact_id, due_on)
WHERE a.outcome = 'accepted' AND c.contact_id > %(warm)s
"""


async def latency(stage: Stage, wishes: Wishes, capacity: float) -> dict[str, float]:
    """`capacity`: governed contacts a second with all workers, as measured in this run."""
    found: dict[str, float] = {}
    for name, load in LOADS.items():
        per_s = max(capacity * load, _LEAST_PER_S)
        found |= {f"due_to_accepted_{name}{key}": value for key, value in (await _at(stage, wishes, per_s)).items()}
    return found


async def _at(stage: Stage, wishes: Wishes, per_s: float) -> dict[str, float]:
    warm = _WARM_PER_WORKER * wishes.workers
    count = min(wishes.contacts - warm, int(per_s * wishes.seconds))
    if count <= 0:
        raise NotMeasured(f"{wishes.contacts} contacts only warm the workers up: ask for more")
    async with stage.app("latency", DAY, clock="real") as (app, env):
        owner_url = env["DATABASE_OWNER_URL"]
        await to_thread(_move_to_today, owner_url, (await app.clock.read()).lease)
        await app.planning()()
        await to_thread(_as_owner, owner_url, _KEEP, {"count": warm + count})
        with stage.running(env, *[worker("sms")] * wishes.workers, SCHEDULER):
            await answered(app, _TICKED)
            await to_thread(_as_owner, owner_url, _SPREAD, {"count": warm, "gap": timedelta()})
            await answered(app, _accepted(warm))
            last = await _last_contact(app)
            await to_thread(_as_owner, owner_url, _SPREAD, {"count": count, "gap": timedelta(seconds=1 / per_s)})
            await answered(app, _accepted(warm + count), count / per_s + _SETTLE_S)
        return await _quantiles(app, per_s, last)


def _accepted(count: int) -> str:
    return f"SELECT count(*) >= {count} FROM attempts WHERE outcome = 'accepted'"  # noqa: S608 - a number


async def _last_contact(app: App) -> int:
    async with app.ledger.transaction() as tx:
        (last,) = await (await tx.conn.execute("SELECT max(contact_id) FROM attempts")).fetchone() or (0,)
    return int(last)


async def _quantiles(app: App, per_s: float, warm: int) -> dict[str, float]:
    async with app.ledger.transaction() as tx:
        cursor = await tx.conn.execute(_QUANTILES, {"warm": warm})
        contacts, parts = await cursor.fetchone() or (0, None)
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    quantiles = {name: round(value * 1_000, 1) for name, value in zip(names, parts or (), strict=True)}
    return {"per_s": round(per_s, 1), "contacts": contacts, **quantiles}


def _move_to_today(owner_url: str, now: datetime) -> None:
    """Everybody is due today, and lives where it is half past one or two in the afternoon."""
    hours = (13 if now.minute >= 30 else 14) - now.hour  # noqa: PLR2004 - half past
    hours = (hours + 12) % 24 - 12
    # The sign of these zones is the other way round: Etc/GMT-3 is three hours ahead.
    values = {"today": (now + timedelta(hours=hours)).date(), "zone": f"Etc/GMT{-hours:+d}"}
    for statement in _MOVE.split(";"):
        _as_owner(owner_url, statement, values)


def _as_owner(owner_url: str, statement: str, values: dict[str, Any]) -> None:
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute(statement.encode(), values if "%(" in statement else None)
