"""`duecourse sandbox`: the provider that delivers to nobody."""

import asyncio
import signal
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from duecourse.cli.output import AsJson, print_json_line
from duecourse.domain.errors import ConfigError
from duecourse.simulator.sandbox.account import Account, account_from, default_accounts
from duecourse.simulator.sandbox.server import Address, Serving, serving

app = typer.Typer()


@app.command()
def sandbox(
    *,
    port: Annotated[int, typer.Option(help="HTTP port; 0 takes a free one.")] = 8099,
    smtp_port: Annotated[int | None, typer.Option(help="SMTP port; none is opened by default.")] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen. The control API answers this machine only.")
    ] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="Decides every fault: the same seed, the same faults.")] = 0,
    log: Annotated[Path | None, typer.Option(help="Its own book, JSON Lines, appended to.")] = None,
    accounts: Annotated[
        Path | None, typer.Option(help="TOML with a table \\[accounts.NAME] per account; see docs/sandbox.md.")
    ] = None,
    api_key: Annotated[
        str, typer.Option(envvar="DUECOURSE_SANDBOX_KEY", help="Of the default accounts.")
    ] = "sandbox-key",
    webhook_secret: Annotated[
        str, typer.Option(envvar="DUECOURSE_SANDBOX_SECRET", help="Signs receipts of the default accounts.")
    ] = "sandbox-secret",  # noqa: S107 - it guards nothing: the provider delivers to nobody
    webhook_base: Annotated[
        str | None,
        typer.Option(envvar="DUECOURSE_PUBLIC_URL", help="Receipts go to BASE/webhooks/sandbox-CHANNEL."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the sandbox provider: an SMS, push and email service that fails on cue.

    It takes messages over HTTP and SMTP, delivers them to nobody, sends signed receipts, and keeps its own log of what
    it accepted. Its first page shows the borrowers' phones. Accounts, faults and the API: docs/sandbox.md.
    """
    opened = _accounts(accounts) if accounts else default_accounts(api_key, webhook_secret, webhook_base)
    address = Address(host=host, port=port, smtp_port=smtp_port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(opened, address, seed=seed, log=log, as_json=as_json))


async def _serve(accounts: Sequence[Account], address: Address, *, seed: int, log: Path | None, as_json: bool) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with serving(accounts, address=address, seed=seed, log=log) as server:
        _announce(server, as_json=as_json)
        await stop.wait()


def _announce(server: Serving, *, as_json: bool) -> None:
    log = server.exchange.journal.path
    if as_json:
        print_json_line({"url": server.url, "smtp_port": server.smtp_port, "log": log})
        return
    mail = f", mail on port {server.smtp_port}" if server.smtp_port else ""
    typer.echo(f"Sandbox provider at {server.url}{mail}; log in {log}")


def _accounts(path: Path) -> list[Account]:
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text())["accounts"]
        return [account_from(name, values) for name, values in tables.items()]
    except OSError as exc:
        raise ConfigError(file=str(path), key="-", problem=exc.strerror or "cannot be read") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(file=str(path), key="-", problem=str(exc)) from exc
    except KeyError as exc:
        raise ConfigError(file=str(path), key="accounts", problem="is missing") from exc
