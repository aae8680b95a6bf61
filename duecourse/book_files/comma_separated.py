"""CSV as RFC 4180 has it: comma, double quotes, a header, UTF-8 with or without a byte order mark."""

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from duecourse.book_files.table import LONGEST_LINE, Row, lines
from duecourse.domain.errors import InputError

_BYTE_ORDER_MARK = "\ufeff"


class CsvTable:
    """Bytes that are no UTF-8 become lone surrogates, which no field accepts: the row is refused, not the file."""

    def __init__(self, stream: BinaryIO) -> None:
        csv.field_size_limit(LONGEST_LINE)
        self._reader = csv.reader((line.decode("utf-8", "surrogateescape") for line in lines(stream)), strict=True)
        try:
            header = next(self._reader, [])
        except csv.Error as exc:
            raise InputError("line 1: the header is not CSV") from exc
        self.columns = tuple(name.strip().removeprefix(_BYTE_ORDER_MARK).strip() for name in header)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        order = [self.columns.index(name) for name in columns]
        straight = order == list(range(len(self.columns)))
        while True:
            try:
                cells = next(self._reader, None)
            except csv.Error:
                yield Row(self._reader.line_num, None, "not CSV: a quote is open or out of place")
                continue
            if cells is None:
                return
            if len(cells) == len(self.columns):
                yield Row(self._reader.line_num, cells if straight else [cells[n] for n in order])
            elif cells:
                problem = f"has {len(cells)} cells, the header has {len(self.columns)}"
                yield Row(self._reader.line_num, None, problem)
