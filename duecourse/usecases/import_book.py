"""Load a file of the book: chunk by chunk, each one transaction, bad rows set aside while the rest loads."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from duecourse.domain.book_record import Chunk, RecordKind, Reject


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What a chunk came to."""

    rejects: Sequence[Reject] = ()
    """What the book refused, beyond what the file's reader had."""
    repeated: int = 0
    """Payments that had been recorded before."""
    cancelled: int = 0
    """Contacts that lost their reason."""


class BookImport(Protocol):
    """Where chunks go; it remembers the keys of one file to find duplicates."""

    async def load(self, chunk: Chunk) -> Loaded:
        """Validate a chunk set-wise and write it, all of what is good or nothing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportReport:
    """One file's result."""

    rows: int
    loaded: dict[RecordKind, int]
    repeated: int
    rejected: int
    cancelled: int

    @property
    def refused(self) -> bool:
        """Not one row was good."""
        return self.rejected > 0 and not any(self.loaded.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Who wants to know while it runs."""

    reject: Callable[[Sequence[Reject]], None] = lambda _: None
    progress: Callable[[int], None] = lambda _: None
    """Called with the number of records done so far."""


async def import_book(chunks: Iterator[Chunk], book: BookImport, watch: Watch) -> ImportReport:
    """Load chunks in order; the next is read while the last is written. Running it again changes nothing.

    Raises:
        InputError: the file cannot be read on; the chunks before are loaded.
        StoreUnavailable: Postgres went away; the chunks before are loaded.
    """
    loaded: Counter[RecordKind] = Counter()
    totals: Counter[str] = Counter()
    upcoming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
    try:
        while (chunk := await upcoming) is not None:
            upcoming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            result = await book.load(chunk)
            rejects = sorted((*chunk.rejects, *result.rejects))
            loaded[chunk.kind] += len(chunk.records) - len(result.rejects)
            totals.update(
                rows=len(chunk.records) + len(chunk.rejects),
                rejected=len(rejects),
                repeated=result.repeated,
                cancelled=result.cancelled,
            )
            watch.reject(rejects)
            watch.progress(totals["rows"])
    finally:
        # The thread cannot be stopped: wait, so that nobody closes the file under it.
        await asyncio.gather(upcoming, return_exceptions=True)
    return ImportReport(
        rows=totals["rows"],
        loaded=dict(loaded),
        repeated=totals["repeated"],
        rejected=totals["rejected"],
        cancelled=totals["cancelled"],
    )
