"""`duecourse simulate`: a month of the book before anything leaves."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.cli.options import checked
from duecourse.cli.output import INTERRUPTED, AsJson, print_json
from duecourse.cli.simulate_screen import Progress, print_report
from duecourse.domain.errors import InputError
from duecourse.simulator.book_head import BUNDLED, write_head
from duecourse.simulator.forward.comparison import Wishes, simulate
from duecourse.simulator.forward.page import page_of
from duecourse.simulator.forward.policy import DEFAULT_CADENCE, Policy, pack_ids, parse_policy
from duecourse.simulator.forward.span import Span

app = typer.Typer()

_FOLDER = Path("var/simulate")
#: The first day of the bundled book.
_BUNDLED_START = datetime(2018, 6, 25, tzinfo=UTC)
_MOST_LOANS = 10_000


@app.command(name="simulate")
def simulate_(
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days to run.")] = 30,
    loans: Annotated[
        int | None, typer.Option(min=1, max=_MOST_LOANS, help="How many loans of the bundled book.", show_default="all")
    ] = None,
    book: Annotated[
        list[Path] | None,
        typer.Option(help="Your own book: a file as `duecourse import` takes it. Repeat it, borrowers first."),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The first day; the bundled book begins on 2018-06-25."),
    ] = None,
    cadence: Annotated[
        str, typer.Option(help="A name in config/cadences, or a path to a TOML file.")
    ] = DEFAULT_CADENCE,
    packs: Annotated[
        str, typer.Option(help="Ids of the packs in force, with commas; the house's always are. By default, as set.")
    ] = "",
    calls: Annotated[
        bool, typer.Option("--calls", help="The lender's people call who is late, where the gate lets them.")
    ] = False,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="Another policy, as `cadence=NAME,packs=NAME+NAME,calls=yes` or any of these; repeat it for more."
            " A lone one is compared with --cadence, --packs and --calls; else all are compared with the first."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides who the borrowers are and what they do.")] = 1,
    repeats: Annotated[
        int, typer.Option(min=1, max=200, help="So many seeds, for intervals around the differences.")
    ] = 1,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the book forward on a virtual clock, with borrowers that behave, before a single message leaves.

    The real planning, release, gate, delivery and payments run in this process on an embedded Postgres in
    var/simulate, against a provider that delivers to nobody. How borrowers respond is drawn from published effect
    sizes, each named in the report with its source: literature values, and no forecast. The same inputs and the same
    seed give the same report, to the byte.
    """
    wishes = Wishes(
        folder=_FOLDER,
        files=_files(book, loans),
        span=_span(book, start, days),
        policies=_policies(_policy(cadence, packs, calls=calls), compare or ()),
        seed=seed,
        repeats=repeats,
    )
    report = _run(wishes, html)
    if as_json:
        print_json(report)
    else:
        print_report(report)


def _run(wishes: Wishes, html: Path | None) -> dict[str, Any]:
    logging.getLogger().addHandler(logging.NullHandler())
    if html is not None and not html.parent.is_dir():
        raise InputError(f"--html: there is no folder {html.parent}")
    try:
        with Progress(wishes.span) as progress:
            report = asyncio.run(simulate(wishes, progress))
    except asyncio.CancelledError as exc:
        raise typer.Exit(INTERRUPTED) from exc
    if html is not None:
        html.write_text(page_of(report), encoding="utf-8")
        sys.stderr.write(f"report: {html}\n")
    return report


def _files(book: Sequence[Path] | None, loans: int | None) -> Sequence[Path]:
    if not book:
        _FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [write_head(BUNDLED, _FOLDER / "book.csv", loans or _MOST_LOANS)]
    if loans is not None:
        raise InputError("--loans: takes loans of the bundled book; leave it out with --book")
    if missing := [path for path in book if not path.is_file()]:
        raise InputError(f"--book: there is no file {missing[0]}")
    return book


def _span(book: Sequence[Path] | None, start: datetime | None, days: int) -> Span:
    if start is None and book:
        raise InputError("--start: needed with --book: on which day does it begin?")
    first = start.replace(tzinfo=UTC) if start else _BUNDLED_START
    return Span(start=first, end=first + timedelta(days=days))


def _policy(cadence: str, packs: str, *, calls: bool) -> Policy:
    return Policy(cadence=cadence, packs=checked("--packs", _with_commas, packs) if packs else (), calls=calls)


def _with_commas(text: str) -> tuple[str, ...]:
    return pack_ids(text, ",")


def _policies(own: Policy, compare: Sequence[str]) -> list[Policy]:
    others = [checked("--compare", parse_policy, text) for text in compare]
    policies = others if len(others) > 1 else [own, *others]
    if len({policy.label for policy in policies}) < len(policies):
        raise InputError("--compare: two policies have the same name")
    return policies
