"""SQL that is too long to stand beside its user lives in `sql/<name>.sql`."""

from functools import cache
from pathlib import Path
from typing import LiteralString

_FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> LiteralString:
    """The text of `sql/<name>.sql`: ours, shipped with the package, hence literal."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
