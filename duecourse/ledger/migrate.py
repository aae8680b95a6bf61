"""Brings the schema up to date: numbered SQL files, each applied once, in order, in a transaction of its own."""

import hashlib
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg.rows import TupleRow

from duecourse.domain.errors import ConfigError, StoreUnavailable
from duecourse.ledger.clock import read_lease
from duecourse.ledger.partitions import ensure_months_around

_Connection = psycopg.AsyncConnection[TupleRow]

#: One migrator at a time; any constant will do that nobody else locks in this database.
_LOCK = 4_000_000_002

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    digest     text NOT NULL,
    applied_at timestamptz NOT NULL
)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    name: str
    digest: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """All that this version knows, in order."""
    folder = resources.files("duecourse.ledger") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    texts = ((f.name.removesuffix(".sql"), f.read_text(encoding="utf-8")) for f in files)
    return tuple(
        Migration(name=name, digest=hashlib.sha256(text.encode()).hexdigest(), sql=text) for name, text in texts
    )


async def migrate(owner_url: str, wanted: tuple[Migration, ...] | None = None) -> list[str]:
    """Apply what is missing; make this month's partitions and their neighbours. Safe when several run at once.

    Args:
        owner_url: a login that owns the schema and may create roles.
        wanted: all migrations there are; those of this version where it is left out.

    Returns:
        The names applied now.

    Raises:
        StoreUnavailable: Postgres cannot be reached.
        ConfigError: a file was changed after it had been applied here.
    """
    try:
        async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as conn:
            return await _migrate(conn, migrations() if wanted is None else wanted)
    except psycopg.OperationalError as exc:
        raise StoreUnavailable(f"Postgres cannot be reached ({type(exc).__name__}): check DATABASE_URL") from exc


async def pending(conn: _Connection, wanted: tuple[Migration, ...] | None = None) -> list[Migration]:
    """What has not been applied yet. Creates nothing.

    Raises:
        ConfigError: a file was changed after it had been applied here.
    """
    applied = await _applied(conn)
    known = migrations() if wanted is None else wanted
    for migration in known:
        if applied.get(migration.name, migration.digest) != migration.digest:
            raise ConfigError(
                file=f"{migration.name}.sql",
                key="digest",
                problem="was changed after it had been applied to this database: add a new migration instead",
            )
    return [migration for migration in known if migration.name not in applied]


async def _migrate(conn: _Connection, wanted: tuple[Migration, ...]) -> list[str]:
    await conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    await conn.execute(_TABLE)
    missing = await pending(conn, wanted)
    for migration in missing:
        await _apply(conn, migration)
    now = await read_lease(conn)
    await ensure_months_around(conn, now.date())
    return [migration.name for migration in missing]


async def _apply(conn: _Connection, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute(migration.sql.encode())
        await conn.execute(
            "INSERT INTO schema_migrations (name, digest, applied_at) VALUES (%s, %s, %s)",
            (migration.name, migration.digest, await read_lease(conn)),
        )


async def _applied(conn: _Connection) -> dict[str, str]:
    cursor = await conn.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return {}
    rows = await (await conn.execute("SELECT name, digest FROM schema_migrations")).fetchall()
    return dict(rows)
