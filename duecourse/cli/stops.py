"""`duecourse stops`: what borrowers said or suffered that closes doors."""

from collections.abc import Sequence
from typing import Annotated

import typer

from duecourse.book_files import fields
from duecourse.bootstrap import App
from duecourse.cli.options import checked, terminal_actor
from duecourse.cli.output import AsJson, print_change, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.policy.packs.vocabulary import Medium, Purpose, StopEvent
from duecourse.ports.evidence import NewStop, Recorded, StopRecord
from duecourse.usecases.record_stop import lift_stop, list_stops, record_stop

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("stop_id", "borrower", "loan", "kind", "evidence", "channels", "happened_at", "ends_at", "lifted_at")


@app.callback()
def stops() -> None:
    """What borrowers said or suffered that closes doors."""


@app.command()
def record(
    evidence: Annotated[str, typer.Argument(metavar="EVIDENCE", help="Your number of the letter, call or file.")],
    *,
    borrower: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="The borrower, by your id.")],
    kind: Annotated[StopEvent, typer.Option(help="What happened.")],
    loan: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only about this loan of theirs.")] = None,
    channel: Annotated[
        list[Medium] | None, typer.Option(metavar="CHANNEL", help="Only this way: sms, call, ... Repeatable.")
    ] = None,
    purpose: Annotated[
        list[Purpose] | None, typer.Option(metavar="PURPOSE", help="Only this purpose. Repeatable.")
    ] = None,
    happened_at: Annotated[str | None, typer.Option(help="By default now; with its offset from UTC.")] = None,
    ends_at: Annotated[str | None, typer.Option(help="By default when it is lifted; with its offset.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record what happened: which contacts it stops, and for how long, the rule packs say."""
    stop = NewStop(
        borrower=borrower,
        loan=loan,
        kind=kind,
        evidence=evidence,
        channels=frozenset(channel or ()),
        purposes=frozenset(purpose or ()),
        happened_at=checked("--happened-at", fields.instant, happened_at) if happened_at else None,
        ends_at=checked("--ends-at", fields.instant, ends_at) if ends_at else None,
    )

    async def work(opened: App) -> Recorded:
        return await record_stop(stop, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    recorded = run_with_app(work)
    status = "had been recorded before" if recorded.repeated else "recorded"
    print_change({"stop_id": recorded.number}, status, changed=not recorded.repeated, as_json=as_json)


@app.command()
def lift(
    stop_id: Annotated[int, typer.Argument(metavar="STOP_ID", help="As `stops list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """It is over: it stops nothing from now on."""

    async def work(opened: App) -> bool:
        return await lift_stop(stop_id, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    lifted = run_with_app(work)
    status = "lifted" if lifted else "had been lifted before"
    print_change({"stop_id": stop_id}, status, changed=lifted, as_json=as_json)


@app.command("list")
def list_(
    *,
    borrower: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this borrower, by your id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that ended or were lifted.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List stops that are in force, the oldest first."""

    async def work(opened: App) -> Sequence[StopRecord]:
        return await list_stops(borrower, everything=everything, limit=limit, ledger=opened.ledger, clock=opened.clock)

    found = run_with_app(work)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, ([getattr(stop, name) for name in _COLUMNS] for stop in found))
