"""What statements share: SQL too long to stand beside its user lives in `sql/<name>.sql`, many rows in one document."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import orjson
from psycopg.types.json import Jsonb

#: For the rest of a transaction. Where rows are changed by a document of a hundred, Postgres expects one row to match
#: and compares each with each, which takes four times as long as the change itself.
WITHOUT_NESTED_LOOPS = "SET LOCAL enable_nestloop = off"

_FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> LiteralString:
    """The text of `sql/<name>.sql`: ours, shipped with the package, hence literal."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def document(rows: Sequence[dict[str, Any]]) -> Jsonb:
    """Rows as one parameter, for `jsonb_to_recordset`.

    psycopg quotes arrays element by element, which cost more than the statement; the standard encoder took a fifth of
    a worker's time.
    """
    return Jsonb(rows, orjson.dumps)
