"""What Postgres says about itself, for `duecourse doctor`. Reads only."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.clock import read_lease
from duecourse.ledger.database import APP_ROLE
from duecourse.ledger.migrate import pending

_READ = """
SELECT current_setting('server_version_num')::int AS version,
       r.rolsuper AS superuser,
       current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS crash_safe,
       current_setting('synchronous_commit') AS synchronous_commit,
       (SELECT count(*)::int FROM pg_stat_replication) AS standbys,
       current_setting('synchronous_standby_names') <> '' AS synchronous_standbys,
       (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()) AS connections,
       current_setting('max_connections')::int AS max_connections
  FROM pg_roles r WHERE r.rolname = session_user
"""
_RIGHTS = "SELECT has_table_privilege('events', 'UPDATE') OR has_table_privilege('events', 'DELETE')"
_PATIENCE_S = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    version: int
    """As `server_version_num`: 180001."""
    superuser: bool
    crash_safe: bool
    synchronous_commit: str
    standbys: int
    synchronous_standbys: bool
    connections: int
    max_connections: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkup:
    server: Server
    now: datetime
    """The server's clock."""
    pending: tuple[str, ...]
    """Migrations that have not run here."""
    rewritable: bool | None
    """Whether the application could rewrite events; None where there are none yet."""


async def check_up(database_url: str) -> Checkup:
    """Log in as the application and look around.

    Raises:
        StoreUnavailable: it cannot be reached, or its login may not become the application's role.
        ConfigError: a migration was changed after it had been applied.
    """
    try:
        async with await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, connect_timeout=_PATIENCE_S
        ) as conn:
            return await _look(conn)
    except psycopg.OperationalError as exc:
        raise StoreUnavailable(f"Postgres cannot be reached ({type(exc).__name__}): check DATABASE_URL") from exc
    except psycopg.errors.InsufficientPrivilege as exc:
        raise StoreUnavailable(f"the login of DATABASE_URL may not become the role {APP_ROLE}: grant it") from exc


async def _look(conn: "psycopg.AsyncConnection[tuple[object, ...]]") -> Checkup:
    async with conn.cursor(row_factory=class_row(Server)) as cursor:
        server = await (await cursor.execute(_READ)).fetchone()
    if server is None:
        raise StoreUnavailable("Postgres does not know its own login")
    now = await read_lease(conn)
    missing = tuple(migration.name for migration in await pending(conn))
    return Checkup(server=server, now=now, pending=missing, rewritable=None if missing else await _rewritable(conn))


async def _rewritable(conn: "psycopg.AsyncConnection[tuple[object, ...]]") -> bool:
    await conn.execute(f"SET ROLE {APP_ROLE}".encode())
    row = await (await conn.execute(_RIGHTS)).fetchone()
    return row is not None and bool(row[0])
