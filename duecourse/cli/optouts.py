"""`duecourse optouts`: who asked not to be contacted, on one channel or at all."""

from typing import Annotated

import typer

from duecourse.bootstrap import App
from duecourse.cli.options import terminal_actor
from duecourse.cli.output import AsJson, print_fields, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.demand import Answer, Demand
from duecourse.domain.hold import OptOut
from duecourse.domain.vocabulary import ChannelKind
from duecourse.usecases.answer_demand import answer_demand, list_demands, reveal_demands
from duecourse.usecases.opt_out import list_opt_outs, opt_in, opt_out

app = typer.Typer(no_args_is_help=True)

Borrower = Annotated[str, typer.Argument(metavar="BORROWER", help="The borrower, by your id.")]
Channel = Annotated[ChannelKind | None, typer.Option(help="Only this channel; without it everything.")]

_EVERYTHING = "everything"
_DEMAND = ("demand_id", "borrower", "intent", "scope", "sure", "rule", "channel", "source", "said_at")
_PROOF = ("contact_point", "digest", "hold_id", "answer", "answered_by")
_MOST = 100_000
Limit = Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many.")]


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
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List opt-outs that are in force, the oldest first."""

    async def work(opened: App) -> list[OptOut]:
        return await list_opt_outs(borrower, everything=everything, limit=limit, ledger=opened.ledger)

    found = run_with_app(work)
    if as_json:
        print_json(found)
        return
    rows = [(o.borrower, o.channel or _EVERYTHING, o.scope, o.source, o.demand_id, o.at, o.revoked_at) for o in found]
    print_table(("borrower", "channel", "scope", "source", "demand_id", "at", "revoked_at"), rows)


@app.command()
def show(
    borrower: Borrower,
    *,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also the borrower's words. That you looked is recorded.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a borrower demanded, with its proof: when, how, from where, by which rule it was understood."""

    async def work(opened: App) -> tuple[list[OptOut], list[Demand]]:
        silent = await list_opt_outs(borrower, everything=True, limit=_MOST, ledger=opened.ledger)
        if not reveal:
            return silent, await list_demands(borrower, limit=_MOST, ledger=opened.ledger)
        found = await reveal_demands(
            borrower, limit=_MOST, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor()
        )
        return silent, found

    silent, demands = run_with_app(work)
    if as_json:
        print_json({"opt_outs": silent, "demands": demands})
        return
    rows = [(o.channel or _EVERYTHING, o.scope, o.source, o.demand_id, o.at, o.revoked_at) for o in silent]
    print_table(("channel", "scope", "source", "demand_id", "at", "revoked_at"), rows)
    columns = (*_DEMAND, *_PROOF, *(["text"] if reveal else []))
    print_table(columns, ([getattr(demand, name) for name in columns] for demand in demands))


@app.command()
def questions(*, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List words that were perhaps a demand: their channels stay silent until you answer."""

    async def work(opened: App) -> list[Demand]:
        return await list_demands(None, unanswered=True, limit=limit, ledger=opened.ledger)

    found = run_with_app(work)
    if as_json:
        print_json(found)
    else:
        columns = (*_DEMAND, "hold_id")
        print_table(columns, ([getattr(demand, name) for name in columns] for demand in found))


@app.command()
def answer(
    demand_id: Annotated[int, typer.Argument(metavar="DEMAND_ID", help="As `optouts questions` shows it.")],
    verdict: Annotated[Answer, typer.Argument(metavar="ANSWER", help="`meant` carries it out, `not_meant` does not.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what was meant by words that were not sure. It is kept who said so; the hold ends."""

    async def work(opened: App) -> None:
        await answer_demand(demand_id, verdict, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    run_with_app(work)
    if as_json:
        print_json({"demand_id": demand_id, "answer": verdict})
    else:
        print_fields([("demand_id", demand_id), ("answer", verdict)])


def _answer(borrower: str, channel: ChannelKind | None, status: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"borrower": borrower, "channel": channel, "changed": changed})
    else:
        print_fields([("borrower", borrower), ("channel", channel or _EVERYTHING), ("status", status)])
