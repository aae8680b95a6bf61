"""What statements share: long SQL in `sql/<name>.sql`, many ids as one array, many rows as one document."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg.adapt import Dumper
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


def document(rows: Sequence[dict[str, Any]]) -> Jsonb:
    """Rows as one parameter, for `jsonb_to_recordset`.

    psycopg quotes arrays element by element, which cost more than the statement; the standard encoder took a fifth of
    a worker's time.
    """
    return Jsonb(rows, orjson.dumps)
