"""Parquet: read a batch of rows at a time, so memory follows the row group and not the file."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from duecourse.book_files.table import Row
from duecourse.domain.errors import InputError

_BATCH = 5_000


class ParquetTable:
    """Columns of text, integers, decimals, booleans, dates or timestamps with a zone; floats as they print."""

    def __init__(self, stream: BinaryIO) -> None:
        try:
            self._file = pq.ParquetFile(stream)
        except (pa.ArrowException, OSError) as exc:
            raise InputError("not a readable Parquet file: damaged or cut off") from exc
        self.columns = tuple(self._file.schema_arrow.names)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        number = 0
        for batch in self._batches(columns):
            texts = [[_text(value) for value in batch.column(name).to_pylist()] for name in columns]
            for cells in zip(*texts, strict=True):
                number += 1
                yield Row(number, cells)

    def _batches(self, columns: Sequence[str]) -> Iterator[Any]:
        try:
            yield from self._file.iter_batches(batch_size=_BATCH, columns=list(columns))
        except (pa.ArrowException, OSError) as exc:
            raise InputError("cannot be read to its end: damaged or cut off") from exc


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
