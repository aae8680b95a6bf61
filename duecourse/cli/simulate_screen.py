"""How `duecourse simulate` looks: what it does now on standard error, and the report as tables."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from duecourse.cli.output import console
from duecourse.embedded import EmbeddedServer
from duecourse.simulator.forward.effort import Effortmeter
from duecourse.simulator.forward.page import figure, major, signed, words
from duecourse.simulator.forward.span import Span

_MOST_RULES = 12


class Progress:
    """A bar per run where somebody watches; lines where nobody does."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[day]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None
        self._effort = Effortmeter()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def note(self, doing: str) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=1.0)
        self._task = self._bars.add_task(doing, total=1.0, day="")
        if not sys.stderr.isatty():
            sys.stderr.write(f"{doing}\n")

    def watch(self, now: datetime) -> None:
        if self._task is not None:
            done = (now - self._span.start) / (self._span.end - self._span.start)
            self._bars.update(self._task, completed=done, day=f"{now:%Y-%m-%d}")

    def ended(self, server: EmbeddedServer) -> None:
        """Say what it cost, while the server can still be asked."""
        self._effort.saw(server)
        effort = self._effort.read()
        both = effort.ours_s + effort.postgres_s
        self._bars.stop()
        sys.stderr.write(
            f"{both:.1f} s of processor time ({effort.ours_s:.1f} ours, {effort.postgres_s:.1f} Postgres),"
            f" {effort.wall_s:.1f} s on the clock\n"
        )


def print_report(report: Mapping[str, Any]) -> None:
    """The report as a person reads it. What is left out stands in the JSON and the HTML."""
    out = console()
    book = report["book"]
    out.print(
        f"{book['loans']:,} loans of {book['borrowers']:,} borrowers, {report['days']} days from"
        f" {report['from'][:10]}, seeds {report['seeds'][0]} to {report['seeds'][-1]}"
    )
    out.print(_overview(report["policies"]))
    for policy in report["policies"]:
        out.print(_rungs(policy))
        out.print(_kept(policy))
        out.print(_staff(policy))
    for found in report["differences"]:
        out.print(_differences(found))
    for caveat in report["caveats"]:
        out.print(f"- {caveat}", style="dim")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="bold", pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _overview(policies: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("first seed", "figure", *(policy["name"] for policy in policies))
    for name in policies[0]["metrics"]:
        shown = [policy["metrics"].get(name, 0.0) for policy in policies]
        if name.startswith("cost_"):
            cells = [major(amount) for amount in shown]
            table.add_row(f"cost of messages, {name.split('_')[1]}", *cells)
        else:
            table.add_row(words(name), *map(figure, shown))
    return table


def _rungs(policy: Mapping[str, Any]) -> Table:
    ends = ("planned", "delivered", "undelivered", "suppressed", "cancelled", "rejected")
    table = _table(f"{policy['name']}: contacts by rung", "rung", "channel", *ends)
    for row in policy["contacts"]["by_rung"]:
        table.add_row(row["rung"], row["channel"], *(figure(row[end]) for end in ends))
    return table


def _kept(policy: Mapping[str, Any]) -> Table:
    table = _table(f"{policy['name']}: kept back", "rule", "of", "decision", "times", "pack", "source")
    for row in policy["kept_back"][:_MOST_RULES]:
        source = " ".join(filter(None, (row["source"], row["pinpoint"])))
        table.add_row(
            row["rule"], row["what"], row["decision"], figure(row["contacts"]), row["pack"] or "the gate", source
        )
    return table


def _staff(policy: Mapping[str, Any]) -> Table:
    table = _table(
        f"{policy['name']}: the lender's people, {policy['calls']['zone']}",
        "hour", "ring a day", "busiest day", "dialled a day", "people usually", "people on the busiest day",
    )  # fmt: skip
    for row in policy["calls"]["by_hour"]:
        hour, people = f"{row['hour']:02}:00", (str(row["people_usually"]), str(row["people_busiest"]))
        calls = (f"{row['calls_a_day']:.1f}", str(row["busiest_day"]), f"{row['dialled_a_day']:.1f}")
        table.add_row(hour, *calls, *people)
    return table


def _differences(found: Mapping[str, Any]) -> Table:
    title = f"{found['policy']} against {found['base']}, means over all seeds"
    table = _table(title, "figure", "base", "other", "difference", "95 % interval")
    for row in found["metrics"]:
        interval = "" if row["low"] is None else f"{signed(row['low'])} to {signed(row['high'])}"
        table.add_row(
            words(row["metric"]), figure(row["base"]), figure(row["other"]), signed(row["difference"]), interval
        )
    return table
