"""One file, opened: what it is compressed with, which format and kind it has, and its records in chunks."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Self, cast

from duecourse.book_files import lending_club
from duecourse.book_files.comma_separated import CsvTable
from duecourse.book_files.fields import FieldError
from duecourse.book_files.json_lines import JsonLinesTable
from duecourse.book_files.kinds import KINDS, RowReader, recognise
from duecourse.book_files.parquet import ParquetTable
from duecourse.book_files.table import Row, Table
from duecourse.domain.book_record import Chunk, Record, RecordKind, Reject
from duecourse.domain.errors import InputError

#: Rows per transaction: large enough for set-wise work, small enough for flat memory and short locks.
CHUNK_ROWS = 10_000
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FileFormat(StrEnum):
    AUTO = "auto"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    LENDING_CLUB = "lending-club"


class BookFile:
    """An open file of records. Close it, or use it in a `with`.

    Raises (on opening and while it is read):
        InputError: the file as a whole makes no sense: empty, unreadable, a wrong header.
    """

    def __init__(self, path: Path, file_format: FileFormat = FileFormat.AUTO, kind: RecordKind | None = None) -> None:
        self._stack = ExitStack()
        try:
            self._raw = self._stack.enter_context(path.open("rb"))
            self.size = path.stat().st_size
            self._open(file_format, kind)
        except OSError as exc:
            self.close()
            raise InputError(f"cannot be read: {type(exc).__name__}") from exc
        except InputError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    def position(self) -> int:
        """How many bytes of the file, as it lies on the disk, have been read."""
        return self._raw.tell()

    def chunks(self) -> Iterator[Chunk]:
        """The records in order, at most `CHUNK_ROWS` of one kind at a time, with what was refused among them."""
        if self.format is FileFormat.LENDING_CLUB:
            yield from lending_club.chunks(self._table, CHUNK_ROWS)
            return
        kind = recognise(self._table.columns, self._wanted)
        columns = self._table.columns if self.format is not FileFormat.JSONL else tuple(KINDS[kind].columns)
        yield from _chunks(kind, RowReader(KINDS[kind], columns), self._table.rows(columns))

    def _open(self, file_format: FileFormat, kind: RecordKind | None) -> None:
        stream, head = _decompressed(self._raw, self._stack)
        if not head:
            raise InputError("is empty")
        self.format = file_format if file_format is not FileFormat.AUTO else _guess(head)
        self._table: Table = _TABLES[self.format](stream)
        self._wanted = kind
        if file_format is FileFormat.AUTO and lending_club.fits(self._table.columns):
            self.format = FileFormat.LENDING_CLUB
        if self.format is FileFormat.LENDING_CLUB:
            lending_club.check_header(self._table.columns)
        else:
            recognise(self._table.columns, kind)


_TABLES: dict[FileFormat, type[CsvTable | JsonLinesTable | ParquetTable]] = {
    FileFormat.CSV: CsvTable,
    FileFormat.LENDING_CLUB: CsvTable,
    FileFormat.JSONL: JsonLinesTable,
    FileFormat.PARQUET: ParquetTable,
}


def _chunks(kind: RecordKind, reader: RowReader, rows: Iterator[Row]) -> Iterator[Chunk]:
    records: list[Record] = []
    rejects: list[Reject] = []
    for row in rows:
        try:
            records.append(reader.read(row))
        except FieldError as exc:
            rejects.append(Reject(row.number, exc.field, exc.reason))
        if len(records) + len(rejects) >= CHUNK_ROWS:
            yield Chunk(kind=kind, records=records, rejects=rejects)
            records, rejects = [], []
    if records or rejects:
        yield Chunk(kind=kind, records=records, rejects=rejects)


def _decompressed(raw: BinaryIO, stack: ExitStack) -> tuple[BinaryIO, bytes]:
    """The stream behind any compression, at its start, and its first bytes."""
    compressed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    stream = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=raw, mode="rb"))) if compressed else raw
    try:
        head = stream.read(64)
    except (EOFError, OSError) as exc:
        raise InputError("cannot be read: damaged or cut off compression") from exc
    stream.seek(0)
    return stream, head


def _guess(head: bytes) -> FileFormat:
    if head.startswith(_PARQUET):
        return FileFormat.PARQUET
    return FileFormat.JSONL if head.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] == b"{" else FileFormat.CSV
