"""`duecourse plan`: one planning pass now, or what one would do."""

import os
from dataclasses import replace
from typing import Annotated

import typer

from duecourse.bootstrap import App
from duecourse.cli.output import AsJson, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.ledger.rehearsal import Rehearsal

app = typer.Typer()


@app.command()
def plan(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be planned; plan nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run one planning pass now: turn what is due soon into contacts.

    The scheduler does the same every few seconds. A rung fires once: what is planned is not planned again.
    """
    planned = run_with_app(lambda opened: _plan(opened, dry_run=dry_run))
    total = sum(planned.values())
    if as_json:
        print_json({"dry_run": dry_run, "planned": planned, "total": total})
        return
    rows = [*planned.items(), ("total", total)]
    print_table(("rung", "would be planned" if dry_run else "planned"), rows)


async def _plan(opened: App, *, dry_run: bool) -> dict[str, int]:
    planning = opened.planning(actor=f"cli:uid-{os.getuid()}")
    if dry_run:
        # The months' empty partitions are made for good: rolled back, no page could be rehearsed in them.
        times = await opened.clock.read()
        async with opened.ledger.transaction() as tx:
            await tx.planning.ensure_months(times)
        planning = replace(planning, ledger=Rehearsal(ledger=opened.ledger))
    return await planning()
