"""The doctor finds each illness, names it, and says what to do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import redis

from duecourse.cli.findings import Finding, Health, of_broker, of_postgres, of_redis, of_settings
from duecourse.domain.clock import host_now
from duecourse.settings import Settings


def health(findings: list[Finding]) -> dict[str, Health]:
    assert all(finding.do for finding in findings if finding.health is not Health.OK)
    return {finding.check: finding.health for finding in findings}


@pytest.fixture
def custom_redis(redis_url: str) -> Iterator["redis.Redis"]:
    """A client of a server whose configuration is put back afterwards."""
    with redis.Redis.from_url(redis_url) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")


async def test_a_migrated_database_is_well_but_for_the_durability_that_tests_give_up(settings: Settings) -> None:
    found = health(await of_postgres(settings))
    assert {check for check, word in found.items() if word is not Health.OK} == {"postgres.durability"}
    assert found["postgres.durability"] is Health.FAIL
    assert {"postgres", "postgres.login", "migrations", "events", "clock.host"} <= set(found)


async def test_a_database_without_a_schema_is_told_to_migrate(settings: Settings, empty_database_url: str) -> None:
    found = await of_postgres(replace(settings, database_url=empty_database_url))
    migrations = next(finding for finding in found if finding.check == "migrations")
    assert migrations.health is Health.FAIL
    assert "0001_book" in migrations.found
    assert "duecourse migrate" in migrations.do
    assert "events" not in health(found)


async def test_a_superuser_as_the_applications_login_is_a_warning(settings: Settings, owner_database_url: str) -> None:
    found = health(await of_postgres(replace(settings, database_url=owner_database_url)))
    assert found["postgres.login"] is Health.WARN


async def test_an_application_that_could_rewrite_events_is_ill(settings: Settings, owner_database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_database_url, autocommit=True) as conn:
        await conn.execute("GRANT DELETE ON events TO duecourse_app")
    assert health(await of_postgres(settings))["events"] is Health.FAIL


@pytest.mark.parametrize(("minutes", "word"), [(1, Health.WARN), (-1, Health.WARN), (0, Health.OK)])
async def test_a_host_whose_clock_is_off_is_warned(settings: Settings, minutes: int, word: Health) -> None:
    found = await of_postgres(settings, host=lambda: host_now() + timedelta(minutes=minutes))
    assert health(found)["clock.host"] is word


async def test_stores_that_are_away_are_one_finding_each(settings: Settings) -> None:
    away = settings.with_stores(database_url="postgresql://x@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0")
    assert health([*await of_postgres(away), *await of_redis(away)]) == {"postgres": Health.FAIL, "redis": Health.FAIL}


async def test_a_redis_that_keeps_everything_is_well(settings: Settings) -> None:
    assert set(health(await of_redis(settings)).values()) == {Health.OK}


async def test_a_redis_that_evicts_or_forgets_is_not(settings: Settings, custom_redis: "redis.Redis") -> None:
    custom_redis.config_set("maxmemory-policy", "allkeys-lru")
    custom_redis.config_set("appendonly", "no")
    found = health(await of_redis(settings))
    assert (found["redis.memory"], found["redis.persistence"]) == (Health.FAIL, Health.WARN)


async def test_without_a_broker_of_its_own_redis_carries_the_hints(settings: Settings) -> None:
    assert of_broker(settings).health is Health.OK


async def test_a_broker_that_is_away_is_told_without_its_password(settings: Settings) -> None:
    pytest.importorskip("pika")
    found = of_broker(replace(settings, broker_url="amqp://somebody:secret@127.0.0.1:1/x"))
    assert (found.health, found.found) == (Health.FAIL, "RabbitMQ cannot be reached (AMQPConnectionError)")
    assert "BROKER_URL" in found.do


def test_a_virtual_clock_and_a_channel_without_provider_are_pointed_out(settings: Settings) -> None:
    found = health(list(of_settings(replace(settings, virtual_clock=True, providers=()))))
    assert found["clock.business"] is Health.FAIL
    assert found["provider.sms"] is Health.WARN
    assert found["timing"] is Health.OK


def doctor(environ: dict[str, str]) -> tuple[int, dict[str, object]]:
    command = (sys.executable, "-m", "duecourse.cli.main", "doctor", "--json")
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_the_command_fails_when_one_check_does(environment: dict[str, str]) -> None:
    code, told = doctor(environment)
    assert code == 1
    assert told["ok"] is False
    checks = told["checks"]
    assert isinstance(checks, list)
    assert [check["check"] for check in checks if check["health"] == "fail"] == ["postgres.durability"]


def test_the_command_says_what_to_set_where_nothing_is(environment: dict[str, str], tmp_path: Path) -> None:
    bare = {name: value for name, value in environment.items() if not name.endswith("_URL")}
    code, told = doctor({**bare, "DUECOURSE_VAR_DIR": str(tmp_path)})
    assert code == 1
    assert "DATABASE_URL" in json.dumps(told)
    assert list(tmp_path.iterdir()) == []
