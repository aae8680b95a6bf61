"""`duecourse migrate`: one command before a new version starts."""

import os

import typer

from duecourse import settings
from duecourse.cli.output import AsJson, print_json, run
from duecourse.embedded import completed
from duecourse.ledger.migrate import migrate as apply

app = typer.Typer()


@app.command()
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database's schema up to date.

    Logs in as the schema's owner: DATABASE_OWNER_URL, or DATABASE_URL where that is the owner. Safe to run again, and
    several at once. Exit code 2 if a migration that was applied here has been changed since.
    """
    with completed(os.environ) as environ:
        applied = run(apply(settings.load(environ).owner_database_url))
    if as_json:
        print_json({"applied": applied})
    else:
        typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do: the schema is up to date")
