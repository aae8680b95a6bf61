"""The bundled book, or its first loans."""

import csv
import gzip
import re
from itertools import islice
from pathlib import Path

from duecourse.domain.errors import InputError

BUNDLED = Path(__file__).resolve().parents[2] / "examples" / "lending_club_2018q1.csv.gz"


def write_head(source: Path, target: Path, loans: int) -> Path:
    """Copy the header and the first `loans` rows of a gzipped CSV file whose fields hold no line ends.

    Raises:
        InputError: the file is not there, or holds fewer loans.
    """
    try:
        with gzip.open(source, "rt", encoding="utf-8", newline="") as rows:
            head = list(islice(rows, loans + 1))
    except FileNotFoundError as exc:
        raise InputError(f"{source} is missing: run the demonstration from a checkout") from exc
    if len(head) <= loans:
        raise InputError(f"loans: the bundled book holds {len(head) - 1:,}")
    target.write_text("".join(head), encoding="utf-8", newline="")
    return target


def states_of(book: Path) -> dict[str, str]:
    """Each loan's number in the file, and the state its borrower lives in."""
    with book.open(encoding="utf-8", newline="") as rows:
        return {row["rownames"]: row["state"] for row in csv.DictReader(rows)}


def number_of(external_id: str) -> str:
    """The number in the file that an id was made of: its last digits."""
    found = re.search(r"\d+$", external_id)
    return found[0] if found else ""
