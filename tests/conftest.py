"""Real stores for the tests: one Postgres and one Redis per session, a fresh migrated database per test."""

import asyncio
import base64
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest

if TYPE_CHECKING:
    from duecourse.embedded import EmbeddedServer
    from duecourse.ledger.crypto import Vault
    from duecourse.ledger.database import PostgresLedger
    from duecourse.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
MASTER_KEYS = {1: bytes(range(32))}
INDEX_KEY = bytes(reversed(range(32)))

#: A deadline of 200 ms is a timing assertion: a busy machine is no fault of ours.
hypothesis.settings.register_profile("patient", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("patient")

_numbers = itertools.count(1)

Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Ask again and again until the answer is true: for what another process does in its own time."""

    async def poll(question: Callable[[], Awaitable[object]]) -> None:
        for _ in range(1000):
            if await question():
                return
            await asyncio.sleep(0.02)
        pytest.fail("it never became true")

    return poll


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[EmbeddedServer]":
    from duecourse.embedded import start_postgres

    server = start_postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[EmbeddedServer]":
    from duecourse.embedded import start_redis

    server = start_redis(tmp_path_factory.mktemp("redis"), durable=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template_database(postgres_server: "EmbeddedServer") -> str:
    """A migrated database that nobody connects to: what each test's own is copied from."""
    from duecourse.ledger.migrate import migrate

    _admin(postgres_server, "CREATE DATABASE migrated")
    asyncio.run(migrate(_in_database(postgres_server.owner_url, "migrated")))
    return "migrated"


@pytest.fixture
def empty_database_url(postgres_server: "EmbeddedServer") -> Iterator[str]:
    """The owner's URL of a database without a schema."""
    with _database(postgres_server, template="template0") as name:
        yield _in_database(postgres_server.owner_url, name)


@pytest.fixture
def database_name(postgres_server: "EmbeddedServer", template_database: str) -> Iterator[str]:
    with _database(postgres_server, template=template_database) as name:
        yield name


@pytest.fixture
def database_url(postgres_server: "EmbeddedServer", database_name: str) -> str:
    """A fresh migrated database, as the application logs in."""
    return _in_database(postgres_server.url, database_name)


@pytest.fixture
def owner_database_url(postgres_server: "EmbeddedServer", database_name: str) -> str:
    """The same database, as the schema's owner."""
    return _in_database(postgres_server.owner_url, database_name)


@pytest.fixture
def redis_url(redis_server: "EmbeddedServer") -> str:
    import redis

    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def vault() -> "Vault":
    from duecourse.ledger.crypto import Vault

    return Vault(MASTER_KEYS, INDEX_KEY)


@pytest.fixture
async def ledger(database_url: str, vault: "Vault") -> "AsyncIterator[PostgresLedger]":
    from duecourse.ledger.database import open_ledger

    async with open_ledger(database_url, vault) as opened:
        yield opened


@pytest.fixture
def environment(database_url: str, owner_database_url: str, redis_url: str) -> dict[str, str]:
    """For a child process or `settings.load`: this test's stores and keys."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "DATABASE_URL": database_url,
        "DATABASE_OWNER_URL": owner_database_url,
        "REDIS_URL": redis_url,
        "DUECOURSE_CONFIG_DIR": str(REPOSITORY / "config"),
        "DUECOURSE_MASTER_KEY": f"1:{base64.b64encode(MASTER_KEYS[1]).decode()}",
        "DUECOURSE_INDEX_KEY": base64.b64encode(INDEX_KEY).decode(),
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> "Settings":
    from duecourse.settings import load

    return load(environment)


def _in_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextmanager
def _database(server: "EmbeddedServer", *, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _admin(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield name
    _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


def _admin(server: "EmbeddedServer", statement: str) -> None:
    with psycopg.connect(server.owner_url, autocommit=True) as conn:
        conn.execute(statement.encode())
