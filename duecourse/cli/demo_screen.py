"""What the demonstration shows while it runs, and the funnel at its end."""

import asyncio
import signal
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from duecourse.cli.output import console
from duecourse.simulator.wishes import Wishes
from duecourse.simulator.world import World

_STATES = (
    "planned", "released", "sending", "unknown", "accepted", "delivered", "undelivered", "rejected", "suppressed",
    "cancelled", "expired", "assumed_sent",
)  # fmt: skip
_EAST = ZoneInfo("America/New_York")
_BAR = 30
_REFRESH_HZ = 8


class Screen:
    """A live display on a terminal; elsewhere one line per phase and virtual day."""

    def __init__(self, wishes: Wishes, *, keep: bool, quiet: bool) -> None:
        self._start = wishes.first_instant
        self._end = self._start + timedelta(days=wishes.days)
        self._keep = keep
        self._console = Console(file=sys.stderr) if quiet else console()
        self._began = time.monotonic()
        self._doing = "starting"
        self._now = self._start
        self._states: Mapping[str, int] = {}
        self._phones = ""
        self._live = Live(get_renderable=self._draw, console=self._console, refresh_per_second=_REFRESH_HZ)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def note(self, doing: str) -> None:
        self._doing = doing
        if not self._console.is_terminal:
            self._console.print(f"{self._elapsed:6.1f}s  {doing}")

    def built(self, world: World) -> None:
        self._phones = world.sandbox_url
        self.note(f"running; the borrowers' phones: {world.sandbox_url}/")

    def step(self, now: datetime, states: Mapping[str, int]) -> None:
        new_day = now.date() != self._now.date()
        self._now, self._states = now, states
        if new_day and not self._console.is_terminal:
            shown = "  ".join(f"{name} {states[name]:,}" for name in _STATES if states.get(name))
            self._console.print(f"{self._elapsed:6.1f}s  {now:%Y-%m-%d}  {shown}")

    async def reported(self, report: Mapping[str, Any]) -> None:  # noqa: ARG002 - the protocol's
        if self._keep:
            self.note(f"kept running: {self._phones}/ - Ctrl-C ends it")
            await _until_interrupted()

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _draw(self) -> RenderableType:
        head = Table.grid(padding=(0, 2))
        head.add_row(Spinner("dots"), Text(self._doing), Text(f"{self._elapsed:.0f} s", style="dim"))
        if not self._states:
            return head
        done = (self._now - self._start) / (self._end - self._start)
        local = self._now.astimezone(_EAST)
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            Text(f"day {(self._now - self._start).days + 1}", style="bold"),
            Text(f"{local:%a %d %b %Y %H:%M} in New York"),
            ProgressBar(total=1.0, completed=min(done, 1.0), width=_BAR),
            Text(f"{done:4.0%}"),
        )
        return Group(head, bar, self._counts())

    def _counts(self) -> Table:
        table = Table(box=None, padding=(0, 2), show_header=False)
        shown = [(name, self._states[name]) for name in _STATES if self._states.get(name)]
        most = max((count for _, count in shown), default=1)
        for name, count in shown:
            table.add_row(name, f"{count:>8,}", ProgressBar(total=most, completed=count, width=_BAR))
        return table


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def print_funnel(report: Mapping[str, Any], path: Path) -> None:
    """The report as a person reads it."""
    out = console()
    out.print(_funnel(report))
    out.print(_promises(report))
    latency = report["latency_ms"]["due_to_accepted"]
    out.print(
        f"due -> accepted: p50 {latency['p50']} ms, p95 {latency['p95']} ms, p99 {latency['p99']} ms; "
        f"{report['steps']} steps of the clock in {report['wall_s']} s"
    )
    out.print(f"report: {path}")


def _funnel(report: Mapping[str, Any]) -> Table:
    planned = max(report["planned"], 1)
    table = Table("what happened", "contacts", "of planned", "", box=None, header_style="bold", pad_edge=False)
    for name in (
        "planned", "released", "accepted", "delivered", "undelivered", "suppressed", "cancelled", "rejected",
        "expired", "assumed_sent", "unknown", "not_due_yet",
    ):  # fmt: skip
        value = report[name]
        count, reasons = (value["total"], value["by_reason"]) if isinstance(value, Mapping) else (value, {})
        bar = ProgressBar(total=planned, completed=count, width=_BAR)
        table.add_row(name.replace("_", " "), f"{count:,}", f"{count / planned:.1%}", bar)
        for reason, part in reasons.items():
            table.add_row(Text(f"  {reason}", style="dim"), Text(f"{part:,}", style="dim"), "", "")
    return table


def _promises(report: Mapping[str, Any]) -> Table:
    table = Table("promise", "broken", "", box=None, header_style="bold", pad_edge=False)
    rows = {
        "duplicates": "contacts the provider accepted twice",
        "lost": "contacts that nothing explains",
        "unrecorded": "messages accepted that we know nothing of",
        "quiet_hour_breaches": "messages in quiet hours, by the provider's log",
        "paid_then_messaged": "messages permitted after the payment",
    }
    for name, meaning in rows.items():
        table.add_row(meaning, Text(f"{report[name]:,}", style="bold red" if report[name] else "green"), "")
    table.add_row("provider's own count of accepted messages", f"{report['provider_accepted']:,}", "")
    return table
