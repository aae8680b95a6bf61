"""`duecourse scheduler`: hand this process over to the scheduler."""

import os
import sys
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def scheduler(
    *, as_json: Annotated[bool, typer.Option("--json", help="Write log lines as JSON, terminal or not.")] = False
) -> None:
    """Run a scheduler: plan contacts, release them to the channels' queues, sweep up after dead workers.

    Several may run at once, on one machine or many; none is the leader. Stops cleanly on SIGTERM or Ctrl-C.
    """
    if as_json:
        os.environ["DUECOURSE_LOG_FORMAT"] = "json"
    # The command line may not import the workers' side, so it becomes it.
    os.execv(sys.executable, [sys.executable, "-m", "workers.scheduler"])  # noqa: S606 - a fixed program, no shell
