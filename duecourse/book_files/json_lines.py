"""JSON Lines: one object a line, UTF-8. Numbers are kept as they are written: no float touches an amount."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

from duecourse.book_files.table import Row, lines
from duecourse.domain.errors import InputError


class JsonLinesTable:
    def __init__(self, stream: BinaryIO) -> None:
        numbered = ((n, line) for n, line in enumerate(lines(stream), 1) if not line.isspace())
        first = next(numbered, None)
        self._lines = chain([first], numbered) if first else numbered
        head = _parse(first[1]) if first else {}
        if not isinstance(head, dict):
            raise InputError("line 1: not a JSON object")
        self.columns = tuple(head)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        known = frozenset(columns)
        for number, line in self._lines:
            yield _row(number, _parse(line), columns, known)


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _row(number: int, value: Any, columns: Sequence[str], known: frozenset[str]) -> Row:
    if not isinstance(value, dict):
        return Row(number, None, "not a JSON object")
    if not value.keys() <= known:
        return Row(number, None, "has an unknown key")
    cells: list[Any] = [value.get(name) for name in columns]
    for index, cell in enumerate(cells):
        if isinstance(cell, str):
            continue
        if cell is None:
            cells[index] = ""
        elif isinstance(cell, bool):
            cells[index] = str(cell).lower()
        else:
            return Row(number, None, "holds an object or a list where a value is expected")
    return Row(number, cells)
