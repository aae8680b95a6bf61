"""`duecourse preferences`: in which language, where and when borrowers wish to be reached."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from duecourse.book_files import fields
from duecourse.bootstrap import App
from duecourse.cli.agreements import read_hours
from duecourse.cli.options import checked, terminal_actor
from duecourse.cli.output import AsJson, print_change, print_fields, print_json
from duecourse.cli.session import run_with_app
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports.preferences import PreferenceRecord
from duecourse.usecases.set_preferences import Wishes, set_preferences, show_preferences

app = typer.Typer(no_args_is_help=True)

Borrower = Annotated[str, typer.Argument(metavar="BORROWER", help="The borrower, by your id.")]


class Part(StrEnum):
    """What can be taken back."""

    LANGUAGE = "language"
    CHANNELS = "channels"
    HOURS = "hours"


@app.callback()
def preferences() -> None:
    """How borrowers wish to be reached: language, channels, hours."""


@app.command()
def show(borrower: Borrower, *, as_json: AsJson = False) -> None:
    """Show what a borrower asked for. It only narrows what law and house allow."""

    async def work(opened: App) -> PreferenceRecord:
        return await show_preferences(borrower, ledger=opened.ledger)

    found = run_with_app(work)
    if as_json:
        print_json(found)
    else:
        lists = {name: ", ".join(getattr(found, name)) or "any" for name in ("channels", "hours")}
        print_fields((asdict(found) | lists).items())


@app.command("set")
def set_(
    borrower: Borrower,
    *,
    language: Annotated[str | None, typer.Option(help="Of texts, such as zh-CN.")] = None,
    channel: Annotated[
        list[ChannelKind] | None, typer.Option(help="Wanted channels, the best first; no others. Repeat it.")
    ] = None,
    hours: Annotated[
        list[str] | None, typer.Option(help="By the borrower's clock: 18:00-20:00 or sat,sun 10:00-12:00. Repeat it.")
    ] = None,
    clear: Annotated[list[Part] | None, typer.Option(help="Take this wish back. Repeat it.")] = None,
    source: Annotated[str, typer.Option(help="How it reached you: call, letter, app. No personal data.")] = "agent",
    as_json: AsJson = False,
) -> None:
    """Keep what a borrower asked for: each option replaces what it names, the rest stays. It holds from now on."""
    cleared = set(clear or ())
    wishes = Wishes(
        locale=checked("--language", fields.locale, language) if language else _empty(Part.LANGUAGE in cleared, ""),
        channels=tuple(channel) if channel else _empty(Part.CHANNELS in cleared, ()),
        hours=tuple(checked("--hours", read_hours, span) for span in hours)
        if hours
        else _empty(Part.HOURS in cleared, ()),
    )

    async def work(opened: App) -> bool:
        return await set_preferences(
            borrower, wishes, source=source, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor()
        )

    changed = run_with_app(work)
    status = "set" if changed else "was so before"
    print_change({"borrower": borrower}, status, changed=changed, as_json=as_json)


def _empty(wanted: bool, nothing: Any) -> Any:
    return nothing if wanted else None
