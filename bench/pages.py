"""Writes what the pages say of a run, from its report and nothing else: `python -m bench.pages [report.json]`.

The report is kept as docs/assets/bench.json, the chart beside it, and the blocks of numbers in docs/performance.md
and docs/scaling.md are made anew. With --check nothing is written: 1 where a page says something else.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.chart import chart
from bench.figures import judged
from bench.scaling import Costs, Site, tables

DOCS = Path(__file__).resolve().parent.parent / "docs"
REPORT = DOCS / "assets" / "bench.json"
_BEGIN, _END = "<!-- numbers: written by `python -m bench.pages` -->", "<!-- end of numbers -->"
_MET = {True: "yes", False: "**no**", None: ""}


def pages(report: dict[str, Any]) -> dict[Path, str]:
    """Every file that a report decides, with what it is to say."""
    performance, scaling = DOCS / "performance.md", DOCS / "scaling.md"
    return {
        DOCS / "assets" / "bench.svg": chart(report),
        performance: _with_numbers(performance, "\n\n".join(_measured(report))),
        scaling: _with_numbers(scaling, tables(Costs.of(report), Site())),
    }


def _with_numbers(page: Path, numbers: str) -> str:
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{numbers}\n{_END}{after}"


def _measured(report: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{report['cores']} cores ({report['processor']}), {report['memory_gb']:g} GB, Python {report['python']};"
        f" load average before the run {report['load_before']:g}."
    )
    if report["load_before"] > report["cores"] / 2:
        yield "**The machine was busy with other work: these numbers show that it runs, and no more.**"
    yield "![messages a second, side by side](assets/bench.svg)"
    rows = ([f["what"], _shown(f["value"]), f["asked"], _MET[f["met"]]] for f in judged(report))
    yield _table(["figure", "measured", "to reach", "met"], rows)
    yield _table(_BOOK_HEAD, _books(report.get("books", {})))


_BOOK_HEAD = [
    "instalments",
    "a tick, ms",
    "again, nothing new, ms",
    "contacts planned/s",
    "released/s",
    "scheduler, MB",
]


def _books(books: dict[str, dict[str, float]]) -> Iterator[list[str]]:
    for book in books.values():
        yield [
            f"{book['instalments']:,}",
            f"{book['tick_s'] * 1_000:,.0f}",
            f"{book['idle_tick_s'] * 1_000:,.0f}",
            f"{book['plan_rows_per_s']:,}",
            f"{book['release_rows_per_s']:,}",
            f"{book['scheduler_rss_mb']:g}",
        ]


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _shown(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:g}"  # noqa: PLR2004 - no digits behind thousands


def stale(report: dict[str, Any]) -> list[Path]:
    """The pages that say something else than the report."""
    return [path for path, text in pages(report).items() if not path.exists() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    source = next((Path(word) for word in arguments if not word.startswith("-")), REPORT)
    report = json.loads(source.read_text(encoding="utf-8"))
    if "--check" in arguments:
        for path in stale(report):
            sys.stderr.write(f"{path.name} is stale: run `python -m bench.pages`\n")
        return min(len(stale(report)), 1)
    REPORT.parent.mkdir(exist_ok=True)
    for path, text in pages(report).items():
        path.write_text(text, encoding="utf-8")
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
