"""Staging: rows go into a temporary table by COPY, and what fails a set-wise check comes back as rejects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from duecourse.domain.book_record import Reject
from duecourse.domain.clock import Times
from duecourse.domain.vocabulary import Component
from duecourse.ledger.crypto import Vault

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

Columns = dict[LiteralString, LiteralString]
"""Name to Postgres type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """The transaction that a chunk is loaded in."""

    conn: "Connection"
    vault: Vault
    times: Times
    order: Sequence[Component]
    actor: str


async def stage(conn: "Connection", table: LiteralString, columns: Columns, rows: Iterable[Sequence[Any]]) -> None:
    """Make a temporary table that lives as long as the transaction, and fill it."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    shape = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items()
    )
    name = sql.Identifier(table)
    await conn.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(name, shape))
    async with (
        conn.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(name, names)) as copy,
    ):
        copy.set_types(list(columns.values()))
        for row in rows:
            await copy.write_row(row)
    # Without it the planner guesses the size. One column is enough to know it.
    await conn.execute(sql.SQL("ANALYZE {} ({})").format(name, sql.Identifier(next(iter(columns)))))


async def refused(conn: "Connection", query: LiteralString) -> list[Reject]:
    """What a check deleted from its staging table: it returns rows of (row, `field: reason`)."""
    cursor = await conn.execute(query)
    return [Reject(row, *problem.split(": ", 1)) for row, problem in await cursor.fetchall()]
