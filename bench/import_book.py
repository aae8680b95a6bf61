"""How many rows a second `duecourse import` loads, by kind and for a whole synthetic book.

    python bench/import_book.py [--borrowers 50000] [--url postgresql://...]

It starts an embedded Postgres unless a migrated, empty database is named. Files are made first and not counted.
Figures: rows, seconds, rows a second, and the CPU seconds of the importer and of its Postgres session, which tell what
bounds it; on a machine that does other work only these can be compared.
"""

import argparse
import asyncio
import csv
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from duecourse.book_files.source import BookFile
from duecourse.domain.allocation import DEFAULT_ORDER
from duecourse.domain.clock import FixedClock
from duecourse.embedded import start_postgres
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import PostgresLedger, open_ledger
from duecourse.ledger.importing import open_import
from duecourse.ledger.migrate import migrate
from duecourse.processes.usage import cpu_s
from duecourse.usecases.import_book import Watch, import_book

TODAY = datetime(2018, 6, 25, 12, tzinfo=UTC)
INSTALMENTS_PER_LOAN = 12
AREA_CODES = (212, 213, 305, 312, 415, 512, 617, 702, 713, 816)
Row = tuple[object, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    what: str
    rows: int
    seconds: float
    rows_per_s: int
    importer_cpu_s: float
    postgres_cpu_s: float


def borrowers(count: int) -> Iterator[Row]:
    yield ("external_id", "name", "locale", "country", "region", "time_zone", "sms", "sms_consent", "email",
           "email_consent", "push", "push_consent", "consent_at", "consent_source")  # fmt: skip
    for n in range(count):
        phone = f"+1{AREA_CODES[n % 10]}{2000000 + n % 7999999:07d}"
        yield (f"B{n}", f"Given Family {n}", "en", "US", "NY", "", phone, "granted", f"b{n}@example.com", "granted",
               f"token-{n}", "granted", "2018-01-01T00:00:00+00:00", "contract")  # fmt: skip


def loans(count: int) -> Iterator[Row]:
    yield "external_id", "borrower_external_id", "currency", "principal", "issued_on", "product", "autopay"
    for n in range(count):
        yield f"L{n}", f"B{n}", "USD", "1200.00", "2018-01-15", "personal", "false"


def instalments(count: int) -> Iterator[Row]:
    yield "loan_external_id", "number", "due_on", "principal", "interest", "paid"
    first = date(2018, 2, 15)
    for n in range(count):
        for number in range(1, INSTALMENTS_PER_LOAN + 1):
            due_on = first + timedelta(days=30 * (number - 1) + n % 28)
            yield f"L{n}", number, due_on.isoformat(), "100.00", f"{number}.37", ""


def payments(count: int) -> Iterator[Row]:
    yield "external_id", "loan_external_id", "amount", "currency", "paid_at"
    for n in range(count):
        yield f"P{n}", f"L{n}", f"{100 + n % 100}.00", "USD", "2018-06-25T10:00:00+00:00"


KINDS: dict[str, Callable[[int], Iterator[Row]]] = {
    "borrowers": borrowers, "loans": loans, "instalments": instalments, "payments": payments,
}  # fmt: skip


async def measure(url: str, folder: Path) -> list[Figure]:
    vault = Vault({1: os.urandom(32)}, os.urandom(32))
    clock = FixedClock(TODAY)
    async with open_ledger(url, vault, max_size=1) as ledger:
        figures = [await load(ledger, clock, kind, folder / f"{kind}.csv") for kind in KINDS]
        figures += [await load(ledger, clock, "borrowers again", folder / "borrowers.csv")]
        figures += [await load(ledger, clock, "instalments again", folder / "instalments.csv")]
    return [*figures, whole(figures[: len(KINDS)])]


async def load(ledger: PostgresLedger, clock: FixedClock, what: str, path: Path) -> Figure:
    before = (time.perf_counter(), importer_cpu(), await postgres_cpu(ledger))
    with BookFile(path) as book_file:
        async with open_import(ledger, clock, order=DEFAULT_ORDER, actor="bench") as book:
            report = await import_book(book_file.chunks(), book, Watch())
    after = (time.perf_counter(), importer_cpu(), await postgres_cpu(ledger))
    seconds, importer, postgres = (b - a for a, b in zip(before, after, strict=True))
    if report.rejected:
        raise SystemExit(f"{what}: {report.rejected} rows were refused")
    return figure(what, rows=report.rows, seconds=seconds, importer=importer, postgres=postgres)


def whole(figures: list[Figure]) -> Figure:
    return figure(
        "whole book",
        rows=sum(f.rows for f in figures),
        seconds=sum(f.seconds for f in figures),
        importer=sum(f.importer_cpu_s for f in figures),
        postgres=sum(f.postgres_cpu_s for f in figures),
    )


def figure(what: str, *, rows: int, seconds: float, importer: float, postgres: float) -> Figure:
    return Figure(
        what=what,
        rows=rows,
        seconds=round(seconds, 2),
        rows_per_s=round(rows / seconds),
        importer_cpu_s=round(importer, 2),
        postgres_cpu_s=round(postgres, 2),
    )


def importer_cpu() -> float:
    mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime


async def postgres_cpu(ledger: PostgresLedger) -> float:
    """Of the pool's one session; 0 where the server is on another machine."""
    async with ledger.transaction() as tx:
        cursor = await tx.conn.execute("SELECT pg_backend_pid()")
        (pid,) = await cursor.fetchone() or (0,)
    return cpu_s([pid])


def write_files(folder: Path, count: int) -> None:
    for kind, rows in KINDS.items():
        with (folder / f"{kind}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows(count))


@contextmanager
def database(folder: Path) -> Iterator[str]:
    server = start_postgres(folder / "postgres", durable=True)
    try:
        asyncio.run(migrate(server.owner_url))
        yield server.url
    finally:
        server.stop()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--borrowers", type=int, default=50_000)
    options.add_argument("--url")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), chosen.borrowers)
        if chosen.url:
            figures = asyncio.run(measure(chosen.url, Path(name)))
        else:
            with database(Path(name)) as url:
                figures = asyncio.run(measure(url, Path(name)))
    if chosen.json:
        print(json.dumps([asdict(f) for f in figures], indent=2))
        return
    for f in figures:
        print(f"{f.what:<18} {f.rows:>9,} rows {f.seconds:>7.2f} s {f.rows_per_s:>7,} rows/s "
              f"cpu: importer {f.importer_cpu_s:>6.2f} s, postgres {f.postgres_cpu_s:>6.2f} s")  # fmt: skip


if __name__ == "__main__":
    main()
