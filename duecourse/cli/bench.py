"""`duecourse bench`: run the measurements of a checkout, and show each figure beside what it is to reach."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.cli.output import FAILED, AsJson, print_json, print_table
from duecourse.domain.errors import DuecourseError

app = typer.Typer()

_CHECKOUT = Path(__file__).resolve().parents[2]
_MET = {True: "yes", False: "NO", None: ""}


@app.command()
def bench(
    *,
    only: Annotated[
        str,
        typer.Option(
            metavar="PARTS",
            help="Some parts: delivery, celery, costs, latency, payments, planning, limits, with commas between them.",
        ),
    ] = "",
    books: Annotated[
        str,
        typer.Option(metavar="SIZES", help="Books of the part planning, in instalments: 20k, 100k, 1m, 10m (5 GB)."),
    ] = "100k,1m,10m",
    contacts: Annotated[int, typer.Option(min=100, max=500_000, help="Of each governed measurement.")] = 20_000,
    seconds: Annotated[float, typer.Option(min=2, max=600, help="Of a measurement that takes a time.")] = 10.0,
    quick: Annotated[bool, typer.Option("--quick", help="All of it, too small for a figure: does it work?")] = False,
    chart: Annotated[Path | None, typer.Option(help="Write a picture of the speeds, as SVG.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a figure is missed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure speed beside a bare Dramatiq actor and Celery, planning, limits, payments and memory, in one run.

    Starts an embedded Postgres and Redis of its own, and everything else. Needs a checkout, where bench/ is, and the
    machine for itself. Exits with 1 where something could not be measured.
    """
    asked = [f"--only={only}"] if only else []
    asked += ["--quick"] if quick else [f"--books={books}", f"--contacts={contacts}", f"--seconds={seconds}"]
    asked += [f"--chart={chart.absolute()}"] if chart else []
    report = _run(asked)
    if as_json:
        print_json(report)
    else:
        _print(report)
    missed = [figure["name"] for figure in report["figures"] if figure["met"] is False]
    if report["failed"] or (strict and missed):
        raise typer.Exit(FAILED)


def _run(arguments: list[str]) -> dict[str, Any]:
    if not (_CHECKOUT / "bench" / "__main__.py").exists():
        raise DuecourseError("there is no bench/ here: the measurements come with the source, not with the package")
    # Of its own process: it is no part of the package, and measures others with nothing of ours around it.
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=_CHECKOUT, stdout=subprocess.PIPE, check=False
    )
    if not done.stdout:
        raise typer.Exit(done.returncode or FAILED)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _print(report: dict[str, Any]) -> None:
    parts = {part for part in report["parts"] if part not in report["failed"]}
    rows = [
        (figure["what"], _shown(figure["value"]), figure["asked"], _MET[figure["met"]])
        for figure in report["figures"]
        if figure["part"] in parts
    ]
    print_table(["figure", "measured", "to reach", "met"], rows)
    for part, reason in report["failed"].items():
        sys.stderr.write(f"not measured: {part}: {reason}\n")


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:g}"  # noqa: PLR2004 - no digits behind thousands
