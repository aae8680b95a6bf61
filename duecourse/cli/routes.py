"""`duecourse routes`: whom each channel's messages leave through now, in which proportion, and why."""

from collections.abc import Mapping
from decimal import Decimal

import typer

from duecourse.bootstrap import App
from duecourse.cli.lanes import Line, lines_of, money
from duecourse.cli.output import AsJson, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.vocabulary import ChannelKind
from duecourse.routing.route import Route

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("channel", "provider", "weight", "share", "part", "cost", "countries", "why", "changed_at")


@app.callback()
def routes() -> None:
    """Routes: whom each channel's messages leave through, and why."""


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Show the providers of each channel: weight, health, part of the messages, cost, and why it is so.

    Configured by config/routes/; the health is what schedulers recorded last. See docs/routing.md.
    """
    lines, costs = run_with_app(_read)
    if as_json:
        print_json({"providers": lines, "cost_per_message": costs})
        return
    print_table(_COLUMNS, ([_cell(line, name) for name in _COLUMNS] for line in lines))
    for channel, cost in costs.items():
        typer.echo(f"{channel}: {cost} a message at these parts")


async def _read(app: App) -> tuple[list[Line], dict[str, str]]:
    times = await app.clock.read()
    lines: list[Line] = []
    costs: dict[str, str] = {}
    for kind in ChannelKind:
        route = app.settings.route_of(kind)
        async with app.ledger.transaction() as tx:
            shares = await tx.routing.shares(kind, route.providers, times=times) if route.shared else []
        found = lines_of(app.settings, kind, {share.provider: share for share in shares})
        lines += found
        cost = _mean_cost(route, {line.provider: line.part for line in found})
        if cost:
            costs[kind.value] = cost
    return lines, costs


def _mean_cost(route: Route, parts: Mapping[str, float]) -> str | None:
    """None where a price is missing, or there are several currencies."""
    currencies = {lane.currency for lane in route.lanes}
    if not route.lanes or len(currencies) > 1 or None in currencies:
        return None
    total = sum((lane.cost_minor or Decimal(0)) * Decimal(str(parts[lane.provider])) for lane in route.lanes)
    return money(Decimal(total).quantize(Decimal("0.0001")).normalize(), currencies.pop())


def _cell(line: Line, name: str) -> object:
    value = getattr(line, name)
    if name in {"share", "part"}:
        return f"{value:.0%}"
    return f"{value:g}" if name == "weight" else value
