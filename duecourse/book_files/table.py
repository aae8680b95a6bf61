"""What every file format is turned into: named columns of text, streamed row by row in flat memory."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from duecourse.domain.errors import InputError

#: No honest row is longer. It keeps a file without line ends from being read into memory as one row.
LONGEST_LINE = 1 << 20


class Row(NamedTuple):
    """One row; `cells` are as many as the columns asked for, or None where `problem` says why there are none."""

    number: int
    cells: Sequence[str] | None
    problem: str = ""


class Table(Protocol):
    columns: tuple[str, ...]
    """As the file names them; of JSON Lines, the first row's keys."""

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Rows with the cells of these columns; what a row does not have is empty text."""
        ...


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's lines.

    Raises:
        InputError: a line is longer than any row can be, or the file ends in the middle of its compression.
    """
    number = 0
    while line := _next_line(stream, number):
        number += 1
        if len(line) > LONGEST_LINE:
            raise InputError(f"line {number} is longer than {LONGEST_LINE} bytes: not a table of text")
        yield line


def _next_line(stream: BinaryIO, number: int) -> bytes:
    try:
        return stream.readline(LONGEST_LINE + 1)
    except (EOFError, OSError) as exc:
        raise InputError(f"cannot be read beyond line {number}: damaged or cut off") from exc
