"""What a demonstration is to show, and where it keeps what it makes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

#: Before anybody in the United States may be written to: the first rungs of the day are still to come.
_FIRST_HOUR = time(8, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    loans: int = 10_000
    days: int = 10
    seed: int = 1
    start: date = date(2018, 6, 25)
    sms_workers: int = 1
    schedulers: int = 1
    folder: Path = Path("var/demo")

    @property
    def first_instant(self) -> datetime:
        """Where the virtual clock begins."""
        return datetime.combine(self.start, _FIRST_HOUR)

    @property
    def book(self) -> Path:
        """The file that is imported."""
        return self.folder / "book.csv"

    @property
    def log(self) -> Path:
        """The sandbox's own book."""
        return self.folder / "sandbox.jsonl"
