"""`duecourse web`: what providers call, what borrowers click, what monitoring asks."""

import asyncio
import os
from typing import Annotated

import typer
import uvloop

from duecourse import settings
from duecourse.cli.output import AsJson, print_json_line
from duecourse.logs import configure
from duecourse.web.serve import serve

app = typer.Typer()


@app.command()
def web(
    *,
    host: Annotated[str, typer.Option(help="Where to listen. Put a proxy with TLS in front.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="0 takes a free one. Default: `web_port` of the settings.")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve health, metrics and the providers' webhooks.

    /healthz and /readyz for supervisors, /metrics for Prometheus, /webhooks/PROVIDER for receipts and replies, /u/TOKEN
    for borrowers who want the messages to stop. Several may run at once. Stops cleanly on SIGTERM or Ctrl-C.
    """
    known = settings.load(os.environ)
    configure(known.log_format)

    def announce(url: str) -> None:
        if as_json:
            print_json_line({"url": url})

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(known, host, known.web_port if port is None else port, announce))
