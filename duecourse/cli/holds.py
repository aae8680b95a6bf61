"""`duecourse holds`: borrowers who are to be left in peace for a time."""

from typing import Annotated

import typer

from duecourse.book_files import fields
from duecourse.bootstrap import App
from duecourse.cli.options import checked, terminal_actor
from duecourse.cli.output import AsJson, print_fields, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.hold import Hold, NewHold
from duecourse.domain.vocabulary import ChannelKind
from duecourse.usecases.place_hold import list_holds, place_hold, release_hold

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("hold_id", "borrower", "loan", "channel", "reason", "starts_at", "ends_at", "placed_by", "released_at")


@app.callback()
def holds() -> None:
    """Stop outreach to a borrower or about a loan."""


@app.command()
def add(
    *,
    borrower: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="The borrower, by your id.")],
    loan: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this loan of theirs.")] = None,
    channel: Annotated[ChannelKind | None, typer.Option(help="Only this channel.")] = None,
    reason: Annotated[str, typer.Option(help="A word such as hardship, dispute, disaster. No personal data.")],
    starts_at: Annotated[str | None, typer.Option(help="By default now; with its offset from UTC.")] = None,
    ends_at: Annotated[str | None, typer.Option(help="By default when it is released; with its offset.")] = None,
    as_json: AsJson = False,
) -> None:
    """Place a hold: from its start nothing is sent until it ends or is released.

    Contacts stay planned and are suppressed at the moment they would leave, so the record shows why.
    """
    hold = NewHold(
        borrower=borrower,
        loan=loan,
        channel=channel,
        reason=reason,
        starts_at=checked("--starts-at", fields.instant, starts_at) if starts_at else None,
        ends_at=checked("--ends-at", fields.instant, ends_at) if ends_at else None,
        placed_by=terminal_actor(),
    )

    async def work(opened: App) -> int:
        return await place_hold(hold, ledger=opened.ledger, clock=opened.clock)

    hold_id = run_with_app(work)
    if as_json:
        print_json({"hold_id": hold_id})
    else:
        print_fields([("hold_id", hold_id)])


@app.command()
def release(
    hold_id: Annotated[int, typer.Argument(metavar="HOLD_ID", help="As `holds list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """End a hold now. One that was released before stays so."""

    async def work(opened: App) -> bool:
        return await release_hold(hold_id, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    released = run_with_app(work)
    if as_json:
        print_json({"hold_id": hold_id, "released": released})
    else:
        print_fields([("hold_id", hold_id), ("status", "released" if released else "had been released before")])


@app.command("list")
def list_(
    *,
    borrower: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this borrower, by your id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that ended or were released.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List holds that are in force or to come."""

    async def work(opened: App) -> list[Hold]:
        return await list_holds(borrower, everything=everything, limit=limit, ledger=opened.ledger, clock=opened.clock)

    found = run_with_app(work)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, ([getattr(hold, name) for name in _COLUMNS] for hold in found))
