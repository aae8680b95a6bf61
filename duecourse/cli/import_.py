"""`duecourse import`: files of the book into the ledger, with what was refused set aside."""

import csv
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from duecourse.book_files.source import BookFile, FileFormat
from duecourse.bootstrap import App
from duecourse.cli.options import terminal_actor
from duecourse.cli.output import FAILED, AsJson, print_fields, print_json
from duecourse.cli.session import run_with_app
from duecourse.domain.book_record import RecordKind, Reject
from duecourse.domain.errors import InputError
from duecourse.ledger.importing import open_import
from duecourse.usecases.import_book import ImportReport, Watch, import_book

app = typer.Typer()

_REJECT_COLUMNS = ("file", "row", "field", "reason")


@app.command(name="import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="CSV, JSON Lines or Parquet, plain or gzipped.", metavar="FILE...")
    ],
    *,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="How the files are written; `auto` looks into them.")
    ] = FileFormat.AUTO,
    kind: Annotated[
        RecordKind | None, typer.Option("--kind", help="What they hold, if the header should not decide.")
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", help="Where refused rows go; by default beside the first file's name, here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load borrowers, loans, instalments and payments from a file.

    Each file holds one kind of record, told from its header: docs/book-format.md names the columns. Records are
    matched by the lender's own ids, so a file may be loaded again at any time. A row that makes no sense goes to the
    rejects file with its number, field and reason, and the rest loads. The exit code is 1 where a file as a whole is
    refused or not one row of it was good. Borrowers come before loans, loans before instalments and payments.
    """
    target = rejects or Path(f"{files[0].name}.rejects.csv")
    with RejectFile(target) as refused:
        reports = run_with_app(lambda opened: _import(opened, files, file_format, kind=kind, refused=refused))
    shown = [{"file": str(path), **_figures(report)} for path, report in zip(files, reports, strict=True)]
    if as_json:
        print_json({"files": shown, "rejects": str(target) if refused.count else None})
    else:
        for figures in shown:
            print_fields(figures.items())
    if refused.count:
        sys.stderr.write(f"{refused.count} rows refused: see {target}\n")
    if any(report.refused for report in reports):
        raise typer.Exit(FAILED)


async def _import(
    opened: App, files: Sequence[Path], file_format: FileFormat, *, kind: RecordKind | None, refused: "RejectFile"
) -> list[ImportReport]:
    reports = []
    with _progress() as bar:
        for path in files:
            refused.file = path.name
            try:
                reports.append(await _import_file(opened, BookFile(path, file_format, kind), refused, bar))
            except InputError as exc:
                raise InputError(f"{path}: {exc}") from exc
            # A running scheduler plans what is new at once, not at its next look at the whole book.
            await opened.bell.hint_book()
    return reports


async def _import_file(opened: App, book_file: BookFile, refused: "RejectFile", bar: Progress) -> ImportReport:
    order = opened.settings.allocation_order
    with book_file:
        meter = Meter(bar=bar, book_file=book_file, task=bar.add_task(refused.file, total=book_file.size, records=0))
        async with open_import(opened.ledger, opened.clock, order=order, actor=terminal_actor()) as book:
            return await import_book(book_file.chunks(), book, Watch(reject=refused.write, progress=meter.update))


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """Moves the bar by how much of the file was read."""

    bar: Progress
    book_file: BookFile
    task: TaskID

    def update(self, records: int) -> None:
        self.bar.update(self.task, completed=self.book_file.position(), records=records)


class RejectFile:
    """Rows that were refused; the file appears with the first of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._writer: Any = None
        self.file = ""
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        if self._writer is None:
            self._writer = csv.writer(self._stack.enter_context(self._open()), lineterminator="\n")
            self._writer.writerow(_REJECT_COLUMNS)
        self._writer.writerows((self.file, *reject) for reject in rejects)
        self.count += len(rejects)

    def _open(self) -> IO[str]:
        try:
            return self._path.open("w", encoding="utf-8", newline="")
        except OSError as exc:
            raise InputError(f"--rejects: {self._path} cannot be written: {type(exc).__name__}") from exc


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _figures(report: ImportReport) -> dict[str, Any]:
    return {
        **{kind.value: count for kind, count in report.loaded.items()},
        "rejected": report.rejected,
        "repeated": report.repeated,
        "cancelled_contacts": report.cancelled,
    }
