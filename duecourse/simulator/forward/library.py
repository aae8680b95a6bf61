"""The book of a simulation: imported once into a database of its own, of which every run gets a copy."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from duecourse import settings as configuration
from duecourse.book_files.source import BookFile
from duecourse.bootstrap import App
from duecourse.domain.book_record import Chunk, InstalmentRecord
from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import InputError
from duecourse.embedded import EmbeddedServer, start_postgres
from duecourse.ledger.copies import copied, gather_statistics, in_database
from duecourse.ledger.importing import open_import
from duecourse.ledger.migrate import migrate
from duecourse.settings import Settings
from duecourse.settings.keys import VARIABLES, ensure_keys
from duecourse.simulator.forward.span import Span
from duecourse.simulator.forward.stage import open_app
from duecourse.usecases.import_book import Watch, import_book

#: No rung reaches further from its due date: what is due later cannot show in the span simulated.
_REACH = timedelta(days=62)
_BOOK = "simulated_book"
_RUN = "simulated_run"


@dataclass(frozen=True, kw_only=True)
class Library:
    """A server with the book on it."""

    settings: Settings
    server: EmbeddedServer
    rejected: int
    """Rows of the files that made no sense."""

    @asynccontextmanager
    async def copy(self) -> AsyncIterator[Settings]:
        """The book as it was imported, in a database that is gone at the end."""
        async with copied(self.server.owner_url, _RUN, _BOOK):
            yield _on(self.settings, self.server, _RUN)


def settings_of(folder: Path, environ: Mapping[str, str]) -> Settings:
    """The deployment's own, with keys of the folder's in place of its keys and stores: those are not touched.

    Raises:
        ConfigError: a file is wrong: names file and key.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    others = {name: value for name, value in environ.items() if name not in VARIABLES}
    stores = {"DATABASE_URL": "", "DATABASE_OWNER_URL": "", "REDIS_URL": "", "BROKER_URL": ""}
    return configuration.load(others | ensure_keys(folder / "keys") | stores)


@asynccontextmanager
async def open_library(settings: Settings, folder: Path, files: Sequence[Path], span: Span) -> AsyncIterator[Library]:
    """Start a server in `folder`, and import the files as of the span's start.

    Raises:
        InputError: another simulation runs in this folder, or a file cannot be read or holds not one good row.
    """
    with _alone(folder):
        server = await asyncio.to_thread(start_postgres, folder / "postgres", durable=False)
        try:
            async with copied(server.owner_url, _BOOK, "template1"):
                book = _on(settings, server, _BOOK)
                await migrate(book.owner_database_url)
                rejected = await load_book(book, files, span.start, (span.end + _REACH).date())
                await gather_statistics(book.owner_database_url)
                yield Library(settings=settings, server=server, rejected=rejected)
        finally:
            await asyncio.to_thread(server.stop)


async def load_book(settings: Settings, files: Sequence[Path], start: datetime, last_due: date) -> int:
    """Import the files as of `start`, without what is due after `last_due`. How many rows were refused.

    Raises:
        InputError: a file cannot be read, or holds not one good row.
    """
    clock, rejected = FixedClock(start), 0
    async with open_app(settings, clock) as app:
        for path in files:
            try:
                rejected += await _load_file(app, path, last_due)
            except InputError as exc:
                raise InputError(f"{path}: {exc}") from exc
    return rejected


async def _load_file(app: App, path: Path, last_due: date) -> int:
    order = app.settings.allocation_order
    with BookFile(path) as opened:
        async with open_import(app.ledger, app.clock, order=order, actor="simulation") as book:
            report = await import_book(_near(opened.chunks(), last_due), book, Watch())
    if report.refused:
        raise InputError("not one row is good: `duecourse import` tells why")
    return report.rejected


def _near(chunks: Iterator[Chunk], last_due: date) -> Iterator[Chunk]:
    """Without instalments that no rung can see before the end: they are most of a book."""
    for chunk in chunks:
        yield replace(
            chunk,
            records=[r for r in chunk.records if not isinstance(r, InstalmentRecord) or r.due_on <= last_due],
        )


def _on(settings: Settings, server: EmbeddedServer, name: str) -> Settings:
    return settings.with_stores(
        database_url=in_database(server.url, name), owner_database_url=in_database(server.owner_url, name)
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one simulation at a time in a folder; the lock goes with its process."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise InputError(f"another simulation is running in {folder}") from exc
        yield
