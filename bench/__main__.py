"""Every measurement in one run: `python -m bench`, or `duecourse bench`, which also prints a table.

The report is JSON on standard output, progress goes to standard error. Exit code 1: something could not be measured.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.chart import chart
from bench.costs import costs
from bench.due_day import DAY, make_day
from bench.figures import joint, judged
from bench.latency import latency
from bench.limits import limits
from bench.machine import machine
from bench.payments import payments
from bench.planning import planning
from bench.speed import celery, delivery
from bench.stage import NotMeasured, Stage, open_stage
from bench.wishes import ON_A_DUE_DAY, Wishes, chosen_books, chosen_parts
from duecourse.domain.errors import DuecourseError

#: What a shell reports of a program that SIGINT ended.
_INTERRUPTED = 130

Values = dict[str, Any]
Note = Callable[[str], None]


async def _latency(stage: Stage, wishes: Wishes, values: Values) -> Values:
    capacity = values.get("governed_single_per_s") or values.get("costs_per_s")
    if not capacity:
        raise NotMeasured("80 % of what? Part delivery or costs must be measured with it")
    return dict(await latency(stage, wishes, capacity))


PARTS: dict[str, Callable[[Stage, Wishes, Values], Awaitable[Values]]] = {
    "delivery": lambda stage, wishes, _: delivery(stage, wishes),
    "celery": lambda stage, wishes, _: celery(stage, wishes),
    "costs": lambda stage, wishes, _: costs(stage, wishes),
    "latency": _latency,
    "payments": lambda stage, wishes, _: payments(stage, wishes),
    "planning": lambda stage, wishes, _: planning(stage, wishes),
    "limits": lambda stage, wishes, _: limits(stage, wishes),
}


async def measure(wishes: Wishes, folder: Path, note: Note) -> Values:
    """The report."""
    began, load = time.monotonic(), os.getloadavg()
    values: Values = {}
    failed: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(open_stage(folder, note))
        if ON_A_DUE_DAY & set(wishes.parts):
            note(f"a book of {wishes.contacts * 2:,} borrowers")
            await make_day(stage, await stack.enter_async_context(stage.database(DAY)), wishes.contacts)
        for part in wishes.parts:
            await _measure_part(stage, wishes, part, (values, failed))
    values |= joint(values)
    report = {**values, "figures": judged(values), "failed": failed, "parts": list(wishes.parts)}
    return report | {"seconds": round(time.monotonic() - began), "load_before": round(load[0], 2), **machine()}


async def _measure_part(stage: Stage, wishes: Wishes, part: str, into: tuple[Values, dict[str, str]]) -> None:
    stage.note(part)
    values, failed = into
    began = time.monotonic()
    try:
        values |= await PARTS[part](stage, wishes, values)
        stage.note(f"{part}: {time.monotonic() - began:.1f} s")
    except (NotMeasured, DuecourseError, TimeoutError) as exc:
        failed[part] = str(exc) or type(exc).__name__
        stage.note(f"{part}: {failed[part]}")


@contextmanager
def _quiet_children(folder: Path) -> Iterator[Note]:
    """What the measured processes say goes to a file; what we say, where it was to go."""
    ours = os.dup(2)
    with (folder / "said.log").open("wb") as log, os.fdopen(os.dup(ours), "w") as told:
        os.dup2(log.fileno(), 2)
        try:
            yield lambda text: print(text, file=told, flush=True)
        finally:
            os.dup2(ours, 2)
            os.close(ours)


def _wishes(options: argparse.Namespace) -> Wishes:
    plain = Wishes(parts=chosen_parts(options.only)) if options.only else Wishes()
    if options.quick:
        plain = plain.quick()
    changes = {"contacts": options.contacts, "seconds": options.seconds}
    if options.books:
        changes["books"] = chosen_books(options.books)
    return Wishes(**{**vars(plain), **{name: value for name, value in changes.items() if value}})


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", help="parts, separated by commas")
    parser.add_argument("--books", help="sizes of books in instalments: 20k,100k,1m,10m")
    parser.add_argument("--contacts", type=int, help="of each governed measurement")
    parser.add_argument("--seconds", type=float, help="of each measurement that takes a time and not a count")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--chart", type=Path)
    return parser


def main() -> int:
    parser = _options()
    options = parser.parse_args()
    try:
        wishes = _wishes(options)
    except ValueError as exc:
        parser.error(str(exc))
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as name:
        folder = Path(name)
        # The stores' own account walks through it.
        folder.chmod(0o755)
        try:
            with _quiet_children(folder) as note:
                report = asyncio.run(measure(wishes, folder, note))
        except KeyboardInterrupt:
            return _INTERRUPTED
    if options.chart:
        options.chart.write_text(chart(report), encoding="utf-8")
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
