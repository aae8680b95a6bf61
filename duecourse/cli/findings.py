"""What `duecourse doctor` looks at: each finding says how it is and, where it is not well, what to do."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from redis.exceptions import RedisError, ResponseError

from duecourse.bootstrap import redis_client
from duecourse.domain.clock import host_now
from duecourse.domain.errors import DuecourseError
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.checkup import Checkup, Server, check_up
from duecourse.processes import python
from duecourse.settings import Settings

#: UNIQUE NULLS NOT DISTINCT came with 15.
_OLDEST_POSTGRES = 150_000
#: `LMOVE` and what Dramatiq's scripts use came long before; this is the oldest that is tried.
_OLDEST_REDIS = (6, 2)
#: A host's clock decides nothing, but whoever reads logs of two hosts compares them.
_SKEW = timedelta(seconds=5)
#: Each process keeps up to ten connections: eight pooled, its owner's, and one to spare.
_SPARE = 20
#: Above what the client waits for a connection.
_BROKER_PATIENCE_S = 60


class Health(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    check: str
    health: Health
    found: str
    do: str = ""
    """What to do, where `health` is not ok."""


def judge(check: str, well: object, found: str, do: str, *, otherwise: Health = Health.FAIL) -> Finding:
    """Well, or `otherwise` with what to do."""
    return Finding(check=check, health=Health.OK if well else otherwise, found=found, do="" if well else do)


def of_settings(settings: Settings) -> Iterator[Finding]:
    yield judge(
        "clock.business",
        not settings.virtual_clock,
        "virtual" if settings.virtual_clock else "real",
        "unset DUECOURSE_CLOCK: with a virtual clock nothing happens until somebody steps it",
    )
    delivery = settings.delivery
    # `settings.load` refuses anything else: here stands what is in force.
    yield judge(
        "timing",
        delivery.lease_s >= delivery.deadline_s + delivery.http_total_s + delivery.settle_margin_s,
        f"deadline {delivery.deadline_s:g} s + call {delivery.http_total_s:g} s + settle "
        f"{delivery.settle_margin_s:g} s <= lease {delivery.lease_s:g} s; job {delivery.job_budget_s:g} s",
        "raise delivery.lease_s in config/duecourse.toml",
    )
    yield from _providers(settings)


def _providers(settings: Settings) -> Iterator[Finding]:
    for kind in (ChannelKind.SMS, ChannelKind.PUSH, ChannelKind.EMAIL):
        names = [provider.name for provider in settings.providers_of(kind)]
        yield judge(
            f"provider.{kind.value}",
            names,
            ", ".join(names) or "none enabled",
            f"enable an account in config/providers/, or its {kind.value} contacts wait until they expire",
            otherwise=Health.WARN,
        )


async def of_postgres(settings: Settings, host: Callable[[], datetime] = host_now) -> list[Finding]:
    """One finding if it cannot be reached or is no good, several if it can."""
    before = host()
    try:
        checkup = await check_up(settings.database_url)
    except DuecourseError as exc:
        return [Finding(check="postgres", health=Health.FAIL, found=str(exc), do="then run `duecourse doctor` again")]
    middle = before + (host() - before) / 2
    return [*_server(checkup.server), *_schema(checkup), _skew(checkup.now - middle)]


def _server(server: Server) -> Iterator[Finding]:
    version = f"{server.version // 10_000}.{server.version % 10_000}"
    yield judge("postgres", server.version >= _OLDEST_POSTGRES, f"version {version}", "upgrade to 15 or newer")
    yield judge(
        "postgres.durability",
        server.crash_safe and server.synchronous_commit != "off",
        f"fsync and full_page_writes {'on' if server.crash_safe else 'off'}, "
        f"synchronous_commit {server.synchronous_commit}",
        "turn all three on: a claim that a crash forgets is a message sent twice",
    )
    yield judge(
        "postgres.failover",
        not server.standbys or server.synchronous_standbys,
        f"{server.standbys} standbys, {'synchronous' if server.synchronous_standbys else 'none of them synchronous'}",
        "set synchronous_standby_names: a failover could lose claims, and what they sent would be sent twice",
    )
    yield judge(
        "postgres.connections",
        server.connections + _SPARE <= server.max_connections,
        f"{server.connections} of {server.max_connections} used",
        "raise max_connections, or pool in session mode",
        otherwise=Health.WARN,
    )
    yield judge(
        "postgres.login",
        not server.superuser,
        "a superuser" if server.superuser else "an ordinary role",
        "let DATABASE_URL log in as a member of duecourse_app, and DATABASE_OWNER_URL as the schema's owner",
        otherwise=Health.WARN,
    )


def _schema(checkup: Checkup) -> Iterator[Finding]:
    yield judge(
        "migrations",
        not checkup.pending,
        "up to date" if not checkup.pending else "missing: " + ", ".join(checkup.pending),
        "run `duecourse migrate`",
    )
    if checkup.rewritable is not None:
        yield judge(
            "events",
            not checkup.rewritable,
            "append-only" if not checkup.rewritable else "the application could rewrite them",
            "revoke UPDATE and DELETE on events from duecourse_app",
        )


def _skew(skew: timedelta) -> Finding:
    return judge(
        "clock.host",
        abs(skew) <= _SKEW,
        f"the database is {skew.total_seconds():+.2f} s from this host",
        "keep both hosts' clocks right (NTP): contacts leave by the database's",
        otherwise=Health.WARN,
    )


async def of_redis(settings: Settings) -> list[Finding]:
    client = redis_client(settings.redis_url)
    try:
        version = str((await client.info("server"))["redis_version"])
        return [_redis_version(version), *_redis_policy(await _config(client))]
    except (RedisError, OSError) as exc:
        found = f"Redis cannot be reached ({type(exc).__name__})"
        return [Finding(check="redis", health=Health.FAIL, found=found, do="check REDIS_URL and that it runs")]
    finally:
        await client.aclose()


def of_broker(settings: Settings) -> Finding:
    """What carries the hints. A process of the workers' looks: only they know the broker."""
    if not settings.broker_url:
        return Finding(check="broker", health=Health.OK, found="Redis carries the hints, too")
    done = subprocess.run(
        python("-m", "workers.checkup"),
        env={**os.environ, "BROKER_URL": settings.broker_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=_BROKER_PATIENCE_S,
    )
    if done.returncode:
        return Finding(
            check="broker", health=Health.FAIL, found="cannot be looked at", do="run `python -m workers.checkup`"
        )
    answer = json.loads(done.stdout)
    return judge("broker", answer["well"], answer["found"], answer["do"])


async def _config(client: Any) -> Mapping[str, str]:
    """What may be read of its configuration: hosted ones often refuse."""
    try:
        found = {**await client.config_get("maxmemory-policy"), **await client.config_get("appendonly")}
    except ResponseError:
        return {}
    return {str(_text(name)): str(_text(value)) for name, value in found.items()}


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def _redis_version(version: str) -> Finding:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return judge("redis", numbers >= _OLDEST_REDIS, f"version {version}", "upgrade to 6.2 or newer")


def _redis_policy(config: Mapping[str, str]) -> Iterator[Finding]:
    policy = config.get("maxmemory-policy", "not readable")
    append = config.get("appendonly", "not readable")
    yield judge(
        "redis.memory",
        policy == "noeviction",
        f"maxmemory-policy {policy}",
        "set maxmemory-policy noeviction: evicted hints are late messages, evicted limits are broken limits",
        otherwise=Health.WARN if policy == "not readable" else Health.FAIL,
    )
    yield judge(
        "redis.persistence",
        append == "yes",
        f"appendonly {append}",
        "set appendonly yes, appendfsync everysec: a restart then forgets no provider's pause",
        otherwise=Health.WARN,
    )
