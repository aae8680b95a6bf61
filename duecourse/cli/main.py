"""The `duecourse` command. A command's module is imported when it is called, so that `--help` answers at once."""

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

    target: str
    """Where it is: `module:attribute` in this package, a Typer or a plain function."""
    help: str
    """The first line of the command's own help; a test keeps the two equal."""
    group: bool = False
    """It has commands of its own."""


COMMANDS = {
    "import": Entry(target="import_:app", help="Load borrowers, loans, instalments and payments from a file."),
    "plan": Entry(target="plan:app", help="Run one planning pass now: turn what is due soon into contacts."),
    "contacts": Entry(target="contacts:app", help="Contacts: list them, or tell the whole story of one.", group=True),
    "payments": Entry(target="payments:app", help="Record payments and reversals.", group=True),
    "holds": Entry(target="holds:app", help="Stop outreach to a borrower or about a loan.", group=True),
    "optouts": Entry(target="optouts:app", help="Who asked not to be contacted.", group=True),
    "keys": Entry(target="keys:app", help="The keys that personal data is sealed with.", group=True),
    "migrate": Entry(target="migrate:app", help="Bring the database's schema up to date."),
    "up": Entry(target="up:app", help="Run the whole system on this machine until stopped."),
    "scheduler": Entry(target="scheduler:scheduler", help="Run a scheduler: plan, release, sweep."),
    "web": Entry(target="web:app", help="Serve health, metrics and the providers' webhooks."),
    "sandbox": Entry(
        target="sandbox:sandbox", help="Run the sandbox provider: an SMS, push and email service that fails on cue."
    ),
    "demo": Entry(target="demo:app", help="Run due days on real loans against the sandbox provider."),
    "doctor": Entry(target="doctor:app", help="Check stores, configuration, providers and clock, and say what to do."),
    "config": Entry(target="config:app", help="Configuration: check it, show what is in force.", group=True),
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
    module, attribute = entry.target.split(":")
    found = getattr(import_module(f"duecourse.cli.{module}"), attribute)
    # A Typer around it, since only the root has the options that install a shell's completion.
    around = typer.Typer(add_completion=False)
    if entry.group:
        around.add_typer(found, name=name)
        return cast("Any", typer.main.get_group(around)).commands[name]
    if isinstance(found, typer.Typer):
        around.registered_commands.extend(found.registered_commands)
    else:
        around.command()(found)
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
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        sys.exit(report_error(error))


if __name__ == "__main__":
    run()
