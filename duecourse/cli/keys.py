"""`duecourse keys`: the keys behind the sealed names and addresses."""

import typer

from duecourse.bootstrap import App
from duecourse.cli.output import AsJson, print_fields, print_json
from duecourse.cli.session import run_with_app
from duecourse.usecases.rotate_keys import rotate_keys

app = typer.Typer(no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys that personal data is sealed with."""


@app.command()
def rotate(*, as_json: AsJson = False) -> None:
    """Wrap every data key with the newest master key.

    Configure the new master key under a higher version beside the old one, restart every process, run this, and then
    remove the old one. It goes page by page, may be interrupted and run again, and changes no sealed value.
    """

    async def work(opened: App) -> int:
        return await rotate_keys(ledger=opened.ledger)

    count = run_with_app(work)
    if as_json:
        print_json({"rewrapped": count})
    else:
        print_fields([("rewrapped", count)])
