"""Is the process alive, and can it do its work? For supervisors and load balancers: which store, never why."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from redis.exceptions import RedisError
from starlette.responses import JSONResponse

from duecourse.bootstrap import App
from duecourse.domain.errors import ConfigError, StoreUnavailable
from duecourse.ledger.migrate import pending

_PATIENCE_S = 3.0

Check = Callable[[], Awaitable[str]]


def router(app: App) -> APIRouter:
    """`/healthz` and `/readyz`."""
    routes = APIRouter()

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/readyz")
    async def readyz() -> JSONResponse:
        checks = await readiness(app)
        ready = all(word == "ok" for word in checks.values())
        return JSONResponse({"ready": ready, "checks": checks}, status_code=200 if ready else 503)

    return routes


async def readiness(app: App) -> dict[str, str]:
    """`ok` or what fails, for `postgres` (its schema too) and `redis`, asked at once."""

    async def postgres() -> str:
        async with app.ledger.transaction() as tx:
            return "migrations pending" if await pending(tx.conn) else "ok"

    async def redis() -> str:
        await app.redis.ping()
        return "ok"

    found = await asyncio.gather(_ask(postgres), _ask(redis))
    return dict(zip(("postgres", "redis"), found, strict=True))


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await check()
    except ConfigError:
        return "migrations differ"
    except (StoreUnavailable, RedisError, OSError, TimeoutError):
        return "unreachable"
