"""`duecourse optouts`: who asked not to be contacted, on one channel or at all."""

from typing import Annotated

import typer

from duecourse.bootstrap import App
from duecourse.cli.options import terminal_actor
from duecourse.cli.output import AsJson, print_fields, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.hold import OptOut
from duecourse.domain.vocabulary import ChannelKind
from duecourse.usecases.opt_out import list_opt_outs, opt_in, opt_out

app = typer.Typer(no_args_is_help=True)

Borrower = Annotated[str, typer.Argument(metavar="BORROWER", help="The borrower, by your id.")]
Channel = Annotated[ChannelKind | None, typer.Option(help="Only this channel; without it everything.")]

_EVERYTHING = "everything"


@app.callback()
def optouts() -> None:
    """Who asked not to be contacted."""


@app.command()
def add(
    borrower: Borrower,
    *,
    channel: Channel = None,
    source: Annotated[str, typer.Option(help="How it reached you: call, letter, branch. No personal data.")] = "agent",
    as_json: AsJson = False,
) -> None:
    """Stop one channel, or everything: nothing that has not left leaves after this."""

    async def work(opened: App) -> bool:
        return await opt_out(
            borrower, channel, source=source, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor()
        )

    added = run_with_app(work)
    _answer(borrower, channel, "added" if added else "was in force before", changed=added, as_json=as_json)


@app.command()
def remove(borrower: Borrower, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Take an opt-out back, on the borrower's own word only. One about everything is taken back without --channel."""

    async def work(opened: App) -> bool:
        return await opt_in(borrower, channel, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    removed = run_with_app(work)
    _answer(borrower, channel, "taken back" if removed else "was not in force", changed=removed, as_json=as_json)


@app.command("list")
def list_(
    *,
    borrower: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this borrower, by your id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were taken back.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List opt-outs that are in force, the oldest first."""

    async def work(opened: App) -> list[OptOut]:
        return await list_opt_outs(borrower, everything=everything, limit=limit, ledger=opened.ledger)

    found = run_with_app(work)
    if as_json:
        print_json(found)
        return
    rows = [(o.borrower, o.channel or _EVERYTHING, o.source, o.at, o.revoked_at) for o in found]
    print_table(("borrower", "channel", "source", "at", "revoked_at"), rows)


def _answer(borrower: str, channel: ChannelKind | None, status: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"borrower": borrower, "channel": channel, "changed": changed})
    else:
        print_fields([("borrower", borrower), ("channel", channel or _EVERYTHING), ("status", status)])
