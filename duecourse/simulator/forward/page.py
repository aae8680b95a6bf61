"""The report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from duecourse.simulator.forward.chart import bars, columns, legend, whiskers

_TEMPLATE = "page.html"
_ENDS = ("delivered", "undelivered", "suppressed", "cancelled", "rejected", "expired")
_MANY = 1_000


def page_of(report: Mapping[str, Any]) -> str:
    """One HTML document."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"words": words, "figure": figure, "signed": signed, "major": major}
    return environment.get_template(_TEMPLATE).render(report=report, pictures=_Pictures())


def words(name: str) -> str:
    return name.replace("_", " ")


def figure(amount: float) -> str:
    """Whole numbers without a point, large ones with commas."""
    return f"{amount:,.0f}" if amount == int(amount) or abs(amount) >= _MANY else f"{amount:,.2f}"


def signed(amount: float) -> str:
    return f"{'+' if amount > 0 else ''}{figure(amount)}"


def major(minor: float | str) -> str:
    return f"{float(minor) / 100:,.2f}"


class _Pictures:
    """Safe as they are: every label is escaped where it is drawn."""

    def days(self, policy: Mapping[str, Any]) -> str:
        rows = policy["contacts"]["by_day"]
        names = list(policy["contacts"]["by_channel"])
        stacks = [(row["day"][5:], {name: row.get(name, 0) for name in names}) for row in rows]
        return legend(names) + columns("contacts a day, by channel", stacks, names)

    def rungs(self, policy: Mapping[str, Any]) -> str:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for row in policy["contacts"]["by_rung"]:
            found[row["rung"]].update({end: row[end] for end in _ENDS})
        return legend(_ENDS) + bars("contacts by rung", list(found.items()), _ENDS)

    def kept(self, policy: Mapping[str, Any]) -> str:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for row in policy["kept_back"]:
            found[row["rule"]][row["decision"]] += row["contacts"]
        names = sorted({row["decision"] for row in policy["kept_back"]})
        return legend(names) + bars("kept back, by rule", list(found.items()), names)

    def calls(self, policy: Mapping[str, Any]) -> str:
        names = ["ring a day", "dialled a day"]
        stacks = [
            (f"{row['hour']:02}:00", {names[0]: row["calls_a_day"], names[1]: row["dialled_a_day"]})
            for row in policy["calls"]["by_hour"]
        ]
        return legend(names) + columns("calls a day, by hour", stacks, names)

    def whiskers(self, found: Mapping[str, Any]) -> str:
        rows = [
            (words(row["metric"]), *(100 * row[edge] / row["base"] for edge in ("low", "difference", "high")))
            for row in found["metrics"]
            if row["base"] and row["low"] is not None
        ]
        return whiskers("differences in percent of the base", rows)
