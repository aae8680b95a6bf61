"""`duecourse chaos`: break everything while a due day runs, then compare the books."""

import asyncio
import logging
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.cli.output import FAILED, AsJson, print_fields, print_json, print_table
from duecourse.simulator.chaos.matrix import MatrixWishes, run_matrix
from duecourse.simulator.chaos.run import run_chaos
from duecourse.simulator.chaos.wishes import ChaosWishes

app = typer.Typer()
_TABLES = {
    "faults": ["fault", "times"],
    "points": ["what", "points"],
    "states": ["state", "contacts"],
    "invariants": ["invariant", "breaches"],
}


@app.command()
def chaos(
    *,
    seed: Annotated[int, typer.Option(help="Decides which fault comes when, and whom it hits.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, max=240, help="How long faults are injected.")] = 3.0,
    contacts: Annotated[int, typer.Option(min=100, max=1_000_000, help="How many are due.")] = 20_000,
    points: Annotated[
        bool, typer.Option("--points", help="No storm: one process after the other dies at every marked point.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Kill, freeze and cut everything while a due day runs, and prove that nobody was written to twice or forgotten.

    Starts an embedded Postgres and Redis in a temporary folder, and every process of a deployment. Afterwards the
    provider's own book, the contacts and the ledger of events are compared; the exit code is 1 where an invariant is
    broken, and the folder with all logs is kept then.
    """
    folder = Path(tempfile.mkdtemp(prefix="duecourse-chaos-"))
    # That connections break is the point.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    if points:
        report = asyncio.run(run_matrix(MatrixWishes(seed=seed, folder=folder), _note))
    else:
        wishes = ChaosWishes(seed=seed, seconds=minutes * 60, contacts=contacts, folder=folder)
        report = asyncio.run(run_chaos(wishes, _note))
    if report["breached"]:
        sys.stderr.write(f"kept: {folder}\n")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report["breached"]:
        raise typer.Exit(FAILED)


def _note(text: str) -> None:
    """Progress goes to standard error, so that standard output is the report."""
    sys.stderr.write(f"{text}\n")


def _print(report: dict[str, Any]) -> None:
    for name, titles in _TABLES.items():
        if name in report:
            print_table(titles, report[name].items())
    print_fields((name, value) for name, value in report.items() if not isinstance(value, dict))
