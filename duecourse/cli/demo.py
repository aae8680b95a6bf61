"""`duecourse demo`: due days on real loans, against a provider that delivers to nobody."""

import asyncio
import json
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.cli.demo_screen import Screen, print_funnel
from duecourse.cli.output import FAILED, INTERRUPTED, AsJson, print_json
from duecourse.simulator.demonstration import demonstrate
from duecourse.simulator.wishes import Wishes

app = typer.Typer()

_FOLDER = Path("var/demo")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@app.command()
def demo(
    *,
    loans: Annotated[int, typer.Option(min=1, max=10_000, help="How many loans of the bundled book.")] = 10_000,
    days: Annotated[int, typer.Option(min=1, max=60, help="How many days to run.")] = 10,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day; the bundled book is of 25 June 2018.")
    ] = datetime(2018, 6, 25, tzinfo=UTC),
    report: Annotated[Path, typer.Option(help="Where the report goes, as JSON.")] = _FOLDER / "report.json",
    seed: Annotated[int, typer.Option(help="Decides what borrowers do and where the provider fails.")] = 1,
    sms_workers: Annotated[int, typer.Option("--workers-sms", min=1, max=8, help="SMS worker processes.")] = 1,
    schedulers: Annotated[int, typer.Option("--schedulers", min=1, max=8, help="Scheduler processes.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="At the end keep everything running until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run due days on real loans against the sandbox provider.

    Starts an embedded Postgres and Redis in var/demo, imports the bundled book, starts every process of a deployment
    and steps a virtual clock through the days. Borrowers pay, answer STOP and cannot be reached. At the end our
    record is reconciled with the provider's own log; the exit code is 1 where a promise was broken: a duplicate, a
    lost contact, a message in quiet hours or after payment. Each run begins anew. Ctrl-C leaves nothing running.
    """
    wishes = Wishes(
        loans=loans, days=days, seed=seed, start=start.date(), sms_workers=sms_workers, schedulers=schedulers,
        folder=_FOLDER,
    )  # fmt: skip
    try:
        made = asyncio.run(_run(wishes, keep=keep, as_json=as_json))
    except asyncio.CancelledError as exc:
        raise typer.Exit(INTERRUPTED) from exc
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(made)
    else:
        print_funnel(made, report)
    if made["broken"]:
        raise typer.Exit(FAILED)


async def _run(wishes: Wishes, *, keep: bool, as_json: bool) -> dict[str, Any]:
    """Until the report is made, or a first SIGINT or SIGTERM has ended everything in order.

    A second signal ends this process at once; keepers then end what it started.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def end() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        if task is not None:
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    with Screen(wishes, keep=keep, quiet=as_json) as screen:
        return await demonstrate(wishes, screen)
