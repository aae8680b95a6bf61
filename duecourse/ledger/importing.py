"""The import's side of the ledger: chunks are staged by COPY, checked set-wise, and upserted by external id."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from duecourse.domain.book_record import Chunk, InstalmentRecord, Record, RecordKind, Reject
from duecourse.domain.clock import Clock, Times
from duecourse.domain.event import Event
from duecourse.domain.vocabulary import Component
from duecourse.ledger.crypto import Vault
from duecourse.ledger.events import EventRows
from duecourse.ledger.import_borrowers import load_borrowers
from duecourse.ledger.import_instalments import load_instalments
from duecourse.ledger.import_loans import load_loans
from duecourse.ledger.import_payments import load_payments
from duecourse.ledger.partitions import ensure_months_around
from duecourse.ledger.staging import Loading
from duecourse.usecases.import_book import Loaded

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection, PostgresLedger

# Of the session, not of a transaction: it finds a key that came in an earlier chunk of the same file.
_SEEN = """
CREATE TEMPORARY TABLE IF NOT EXISTS import_seen (key text COLLATE "C" PRIMARY KEY, chunk integer NOT NULL)
"""
_NOTE = "INSERT INTO import_seen SELECT unnest(%s::text[]), %s ON CONFLICT DO NOTHING"
_SEEN_BEFORE = "SELECT key FROM import_seen WHERE key = ANY (%s) AND chunk <> %s"
#: Keys beyond this go to disk; the default of 8 MB does so after a few chunks and makes each later one slow.
_ROOM = "SET temp_buffers = '64MB'"
#: Imports take turns chunk by chunk, so that two files cannot wait for each other's rows.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(4000000002)"

_LOADERS: dict[RecordKind, Callable[[Loading, Sequence[Any]], Awaitable[Loaded]]] = {
    RecordKind.BORROWERS: load_borrowers,
    RecordKind.LOANS: load_loans,
    RecordKind.INSTALMENTS: load_instalments,
    RecordKind.PAYMENTS: load_payments,
}


class LedgerBookImport:
    """Loads the chunks of one file over one connection. Make it with `open_import`."""

    def __init__(
        self, conn: "Connection", vault: Vault, clock: Clock, *, order: Sequence[Component], actor: str
    ) -> None:
        self._conn = conn
        self._vault = vault
        self._clock = clock
        self._order = order
        self._actor = actor
        self._chunk = 0

    async def load(self, chunk: Chunk) -> Loaded:
        """Write what is good of a chunk, and one `book.imported` event with counts, in one transaction."""
        times = await self._clock.read()
        async with self._conn.transaction():
            await self._conn.execute(_TAKE_TURN)
            fresh, repeated = await self._first_of_their_key(chunk.records)
            loading = Loading(conn=self._conn, vault=self._vault, times=times, order=self._order, actor=self._actor)
            result = await _LOADERS[chunk.kind](loading, fresh) if fresh else Loaded()
            result = replace(result, rejects=(*repeated, *result.rejects))
            await self._log(chunk, result, times)
        return result

    async def _first_of_their_key(self, records: Sequence[Record]) -> tuple[list[Record], list[Reject]]:
        """The records whose key this file has not had before, and the refusal of the others."""
        keyed: dict[str, Record] = {}
        repeated = [record for record in records if keyed.setdefault(_key(record).text, record) is not record]
        self._chunk += 1
        cursor = await self._conn.execute(_NOTE, (list(keyed), self._chunk))
        if cursor.rowcount < len(keyed):
            cursor = await self._conn.execute(_SEEN_BEFORE, (list(keyed), self._chunk))
            repeated += [keyed.pop(key) for (key,) in await cursor.fetchall()]
        rejects = [Reject(r.row, _key(r).field, "comes twice in this file; the first row counts") for r in repeated]
        return list(keyed.values()), rejects

    async def _log(self, chunk: Chunk, result: Loaded, times: Times) -> None:
        data = {
            "kind": chunk.kind.value,
            "loaded": len(chunk.records) - len(result.rejects),
            "rejected": len(chunk.rejects) + len(result.rejects),
            "repeated": result.repeated,
            "cancelled": result.cancelled,
        }
        await EventRows(self._conn).append(times, self._actor, [Event(kind="book.imported", data=data)])


@asynccontextmanager
async def open_import(
    ledger: "PostgresLedger", clock: Clock, *, order: Sequence[Component], actor: str
) -> AsyncIterator[LedgerBookImport]:
    """An import of one file.

    Raises:
        StoreUnavailable: Postgres cannot be reached, or went away: the chunks before are loaded.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        await ensure_months_around(tx.conn, times.business.date())
    async with ledger.transaction() as tx:
        conn = tx.conn
        await conn.execute(_ROOM)
        await conn.execute(_SEEN)
        await conn.commit()
        try:
            yield LedgerBookImport(conn, ledger.vault, clock, order=order, actor=actor)
        finally:
            if not conn.closed:
                await conn.rollback()
                await conn.execute("DROP TABLE IF EXISTS import_seen")


class _Key(NamedTuple):
    field: str
    text: str


def _key(record: Record) -> _Key:
    kind = type(record).__name__[0]
    if isinstance(record, InstalmentRecord):
        return _Key("number", f"{kind}\x1f{record.loan_external_id}\x1f{record.number}")
    return _Key("external_id", f"{kind}\x1f{record.external_id}")
