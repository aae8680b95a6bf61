"""The `duecourse` command. A command's module is imported when it is called, so that `--help` answers at once."""

import asyncio
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from duecourse.cli.output import report_error

DEBUG_VARIABLE = "DUECOURSE_DEBUG"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A command that is not imported yet."""

    module: str
    """In this package; its `app` is a Typer."""
    help: str
    """The first line of the command's own help; a test keeps the two equal."""
    group: bool = False
    """It has commands of its own."""


COMMANDS = {
    "import": Entry(module="import_", help="Load borrowers, loans, instalments and payments from a file."),
    "plan": Entry(module="plan", help="Run one planning pass now: turn what is due soon into contacts."),
    "contacts": Entry(module="contacts", help="Contacts: list them, or tell the whole story of one.", group=True),
    "payments": Entry(module="payments", help="Record payments and reversals.", group=True),
    "holds": Entry(module="holds", help="Stop outreach to a borrower or about a loan.", group=True),
    "optouts": Entry(module="optouts", help="Who asked not to be contacted.", group=True),
    "encounters": Entry(
        module="encounters", help="Calls, visits and talks by people, agencies and other systems.", group=True
    ),
    "preferences": Entry(
        module="preferences", help="How borrowers wish to be reached: language, channels, hours.", group=True
    ),
    "agreements": Entry(module="agreements", help="Agreements and consents with their proof.", group=True),
    "stops": Entry(module="stops", help="What borrowers said or suffered that closes doors.", group=True),
    "reviews": Entry(module="reviews", help="Contacts that the gate left to a person.", group=True),
    "inbox": Entry(
        module="inbox", help="Stored webhooks that could not be applied: list them, have them read again.", group=True
    ),
    "keys": Entry(module="keys", help="The keys that personal data is sealed with.", group=True),
    "migrate": Entry(module="migrate", help="Bring the database's schema up to date."),
    "up": Entry(module="up", help="Run the whole system on this machine until stopped."),
    "scheduler": Entry(
        module="scheduler",
        help="Run a scheduler: plan contacts, release them to the channels' queues, sweep up after dead workers.",
    ),
    "web": Entry(module="web", help="Serve health, metrics and the providers' webhooks."),
    "sandbox": Entry(
        module="sandbox", help="Run the sandbox provider: an SMS, push and email service that fails on cue."
    ),
    "demo": Entry(module="demo", help="Run due days on real loans against the sandbox provider."),
    "simulate": Entry(
        module="simulate",
        help="Run the book forward on a virtual clock, with borrowers that behave, before a single message leaves.",
    ),
    "chaos": Entry(
        module="chaos",
        help="Kill, freeze and cut everything while a due day runs, and prove that nobody was written to twice or"
        " forgotten.",
    ),
    "bench": Entry(
        module="bench",
        help="Measure speed beside a bare Dramatiq actor and Celery, planning, limits, payments and memory, in one"
        " run.",
    ),
    "routes": Entry(module="routes", help="Routes: whom each channel's messages leave through, and why.", group=True),
    "gate": Entry(module="gate", help="The legal gate: try cases on it, and ask why it says what it says.", group=True),
    "packs": Entry(module="packs", help="Rule packs: check them, list them, show one, compare two.", group=True),
    "tone": Entry(
        module="tone", help="The tone guard: read a text, measure the guard, release what it doubts.", group=True
    ),
    "doctor": Entry(module="doctor", help="Check stores, configuration, providers and clock, and say what to do."),
    "config": Entry(module="config", help="Configuration: check it, show what is in force.", group=True),
}


class LazyGroup(TyperGroup):
    """A group whose commands are known by name and imported when called."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the parent's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as above
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if self._listing:
            return TyperCommand(cmd_name, help=entry.help)
        return load_command(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


def load_command(name: str) -> Any:
    """The command of that name with all it consists of."""
    entry = COMMANDS[name]
    found: typer.Typer = import_module(f"duecourse.cli.{entry.module}").app
    # A Typer around it, since only the root has the options that install a shell's completion.
    around = typer.Typer(add_completion=False)
    if entry.group:
        around.add_typer(found, name=name)
        return cast("Any", typer.main.get_group(around)).commands[name]
    around.registered_commands.extend(found.registered_commands)
    command = typer.main.get_command(around)
    command.name = name
    return command


app = typer.Typer(
    name="duecourse",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Settings come from config/ and the environment: see README.md. Every command has --json.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"duecourse {version('duecourse')}\n")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Send the right due-date reminder to the right person exactly once, inside the law, and prove it."""


def run() -> None:
    """The console script. Exit codes: 1 failed, 2 wrong usage or configuration, 130 interrupted."""
    try:
        app()
    except (Exception, asyncio.CancelledError) as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        sys.exit(report_error(error))


if __name__ == "__main__":
    run()
