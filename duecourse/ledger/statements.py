"""What statements share: long SQL in `sql/<name>.sql`, many ids as one array, many rows as arrays or one document."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from struct import Struct
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.json import Jsonb

#: For the rest of a transaction. Where rows are changed by a document of a hundred, Postgres expects one row to match
#: and compares each with each, which takes four times as long as the change itself.
WITHOUT_NESTED_LOOPS = "SET LOCAL enable_nestloop = off"

_FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> LiteralString:
    """The text of `sql/<name>.sql`: ours, shipped with the package, hence literal."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


class Ids(tuple[int, ...]):
    """Ids as one `bigint[]`: psycopg's own dumper of lists works element by element and takes ten times as long."""

    __slots__ = ()


class _IdsDumper(Dumper):
    oid = psycopg.adapters.types["int8"].array_oid

    def dump(self, obj: Ids) -> bytes:
        return f"{{{','.join(map(str, obj))}}}".encode()


psycopg.adapters.register_dumper(Ids, _IdsDumper)

#: Postgres' binary form of an array: dimensions, whether a cell may be null, the cells' type; how many, numbered from.
_ARRAY = Struct("!iiIii")
_LENGTH = Struct("!i")
_NULL = _LENGTH.pack(-1)


class Texts(tuple[str | None, ...]):
    """Texts as one `text[]`, in the form that neither side has to quote or to read letter by letter."""

    __slots__ = ()


class Blobs(tuple[bytes | None, ...]):
    """The same of bytes: `bytea[]`."""

    __slots__ = ()


class _TextsDumper(Dumper):
    oid = psycopg.adapters.types["text"].array_oid
    format = Format.BINARY

    def dump(self, obj: Texts) -> bytes:
        # Most columns of a batch hold few words: each is written once.
        cells = {one: _cell(None if one is None else one.encode()) for one in set(obj)}
        return _array(psycopg.adapters.types["text"].oid, [cells[one] for one in obj])


class _BlobsDumper(Dumper):
    oid = psycopg.adapters.types["bytea"].array_oid
    format = Format.BINARY

    def dump(self, obj: Blobs) -> bytes:
        return _array(psycopg.adapters.types["bytea"].oid, [_cell(one) for one in obj])


def _array(oid: int, cells: Sequence[bytes]) -> bytes:
    return b"".join((_ARRAY.pack(1, 1, oid, len(cells), 1), *cells))


def _cell(said: bytes | None) -> bytes:
    return _NULL if said is None else _LENGTH.pack(len(said)) + said


psycopg.adapters.register_dumper(Texts, _TextsDumper)
psycopg.adapters.register_dumper(Blobs, _BlobsDumper)

Column = Callable[[Iterable[Any]], Ids | Texts | Blobs]


def columns(kinds: Mapping[str, Column], rows: Iterable[Sequence[object]]) -> dict[str, object]:
    """Rows as one array per column, for `unnest`. Postgres reads them three to four times as fast as a document.

    Args:
        kinds: name and kind of each column, in the order of a row's values.
        rows: a value per column; at least one row.
    """
    return {name: kind(values) for (name, kind), values in zip(kinds.items(), zip(*rows, strict=True), strict=True)}


def document(rows: Sequence[dict[str, Any]]) -> Jsonb:
    """Rows as one parameter, for `jsonb_to_recordset`.

    psycopg quotes arrays element by element, which cost more than the statement; the standard encoder took a fifth of
    a worker's time.
    """
    return Jsonb(rows, orjson.dumps)
