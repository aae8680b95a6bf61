"""`duecourse inbox`: providers' calls that could not be applied."""

from typing import Annotated

import typer

from duecourse.bootstrap import App
from duecourse.cli.options import terminal_actor
from duecourse.cli.output import AsJson, print_fields, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.receipt import SetAside
from duecourse.usecases.reopen_inbox import list_set_aside, reopen_inbox

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("inbox_id", "provider", "received_at", "tries")
_MOST = 100_000

_Provider = Annotated[str | None, typer.Option(metavar="NAME", help="Only calls of this provider account.")]


@app.callback()
def inbox() -> None:
    """Stored webhooks that could not be applied: list them, have them read again."""


@app.command("list")
def list_(
    *,
    provider: _Provider = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what was set aside after five tries, oldest first. What is in it stays sealed."""

    async def work(opened: App) -> list[SetAside]:
        return await list_set_aside(provider=provider, limit=limit, ledger=opened.ledger)

    found = run_with_app(work)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, ([getattr(one, name) for name in _COLUMNS] for one in found))


@app.command()
def reopen(
    inbox_ids: Annotated[list[int] | None, typer.Argument(metavar="INBOX_ID", help="As `inbox list` shows.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are set aside.")] = False,
    provider: _Provider = None,
    as_json: AsJson = False,
) -> None:
    """Have calls read again, after what kept them from being applied was put right.

    A worker takes them within seconds. What was applied of them before is not applied twice.
    """
    if bool(inbox_ids) == (everything or provider is not None):
        raise typer.BadParameter("name ids, or give --all or --provider NAME")

    async def work(opened: App) -> list[int]:
        ids = inbox_ids or [
            one.inbox_id for one in await list_set_aside(provider=provider, limit=_MOST, ledger=opened.ledger)
        ]
        return await reopen_inbox(ids, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    reopened = run_with_app(work)
    if as_json:
        print_json({"reopened": reopened})
    else:
        print_fields([("reopened", len(reopened))])
