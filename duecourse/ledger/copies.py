"""Whole databases as copies of one another: a run of a simulation gets its own, and leaves the book as it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

#: The plain copy of files: with the other strategy every page would pass through the log.
_CREATE = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
_DROP = "DROP DATABASE IF EXISTS {} WITH (FORCE)"


def in_database(url: str, name: str) -> str:
    """The same server and login, another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def copied(owner_url: str, name: str, template: str) -> AsyncIterator[str]:
    """A copy of `template`, to which nobody may be connected, as `name`; gone at the end. Gives its name."""
    await _administer(owner_url, sql.SQL(_DROP).format(sql.Identifier(name)))
    await _administer(owner_url, sql.SQL(_CREATE).format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield name
    finally:
        await _administer(owner_url, sql.SQL(_DROP).format(sql.Identifier(name)))


async def gather_statistics(owner_url: str) -> None:
    """So that the copies are planned for as the book is, and not as an empty one."""
    await _administer(owner_url, sql.SQL("ANALYZE"), inside=True)


async def _administer(owner_url: str, statement: sql.SQL | sql.Composed, *, inside: bool = False) -> None:
    url = owner_url if inside else in_database(owner_url, "postgres")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(statement)
