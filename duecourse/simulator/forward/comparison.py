"""Runs policies over seeds on the same book and the same people, and says what differs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from duecourse.embedded import EmbeddedServer
from duecourse.ledger.forward import ForwardRows
from duecourse.simulator.forward.effects import EFFECTS, Factor, named
from duecourse.simulator.forward.evidence import evidence_of
from duecourse.simulator.forward.interval import difference
from duecourse.simulator.forward.library import Library, open_library, settings_of
from duecourse.simulator.forward.month import Month
from duecourse.simulator.forward.policy import Policy, check_policy
from duecourse.simulator.forward.report import report_of
from duecourse.simulator.forward.span import Span
from duecourse.simulator.forward.stage import carriers, staged

CAVEATS = (
    "Effect sizes are published values of other lenders' borrowers or, where nobody measured, judgement: no forecast.",
    "Compare policies with each other; do not take a column for what will happen.",
    "Providers' rates, outages and failover are left out: every message that may leave leaves at its minute.",
    "Planning runs once a day, 36 hours ahead; the scheduler does it every few seconds.",
    "A talk's effect is an upper bound: it was measured on those who were reached, not on those who were dialled.",
    "People are staffed by Erlang's C for the busiest day of each hour; nobody gives up waiting in it.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What is to be simulated."""

    folder: Path
    files: Sequence[Path]
    """The book."""
    span: Span
    policies: Sequence[Policy]
    """The others are compared with the first."""
    seed: int = 1
    repeats: int = 1

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.repeats)


class Audience(Protocol):
    """Who watches."""

    def note(self, doing: str) -> None:
        """What is being done now."""
        ...

    def watch(self, now: datetime) -> None:
        """Business time, after each step."""
        ...

    def ended(self, server: EmbeddedServer) -> None:
        """Everything is done, and the server still runs."""
        ...


async def simulate(wishes: Wishes, audience: Audience) -> dict[str, Any]:
    """Run everything; returns the report, in which nothing depends on this machine.

    Raises:
        DuecourseError: the book or a policy cannot be used.
    """
    settings = settings_of(wishes.folder, os.environ)
    for policy in wishes.policies:
        check_policy(policy, settings)
    audience.note("importing the book")
    async with open_library(settings, wishes.folder, wishes.files, wishes.span) as library:
        report = await _report(library, wishes, audience)
        audience.ended(library.server)
        return report


async def _report(library: Library, wishes: Wishes, audience: Audience) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {policy.label: [] for policy in wishes.policies}
    book: dict[str, int] = {}
    for seed in wishes.seeds:
        for policy in wishes.policies:
            audience.note(f"{policy.label}, seed {seed}")
            async with library.copy() as settings, staged(settings, policy, wishes.span, seed) as month:
                await month.run(wishes.span.start, wishes.span.end, audience.watch)
                lanes = {kind: lane for kind, (_, lane) in carriers(settings).items()}
                minutes = EFFECTS[Factor.CALL_MINUTES].amount
                runs[policy.label].append(report_of(await evidence_of(month, wishes.span, lanes, minutes)))
                book = await _book(month)
    return {
        "book": {**book, "rows_refused": library.rejected},
        "from": wishes.span.start.isoformat(),
        "to": wishes.span.end.isoformat(),
        "days": wishes.span.days,
        "seeds": list(wishes.seeds),
        "policies": [_policy(policy, runs[policy.label], wishes.seeds) for policy in wishes.policies],
        "differences": _differences(wishes.policies, runs),
        "assumptions": named(EFFECTS),
        "caveats": list(CAVEATS),
    }


async def _book(month: Month) -> dict[str, int]:
    async with month.app.ledger.transaction() as tx:
        book: dict[str, int] = await ForwardRows(tx.conn).book()
    return book


def _policy(policy: Policy, runs: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> dict[str, Any]:
    """The first seed's report in full, and of the others what policies are compared by."""
    return {
        "name": policy.label,
        **runs[0],
        "runs": [{"seed": seed, **run["metrics"]} for seed, run in zip(seeds, runs, strict=True)],
    }


def _differences(policies: Sequence[Policy], runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    base, *others = (policy.label for policy in policies)
    return [
        {"base": base, "policy": other, "metrics": _compared([r["metrics"] for r in runs[base]], runs[other])}
        for other in others
    ]


def _compared(base: Sequence[Mapping[str, float]], runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    other = [run["metrics"] for run in runs]
    rows = []
    for name in dict.fromkeys([*base[0], *other[0]]):
        left, right = ([metrics.get(name, 0.0) for metrics in side] for side in (base, other))
        gap = difference(left, right)
        rows.append({
            "metric": name,
            "base": round(sum(left) / len(left), 4),
            "other": round(sum(right) / len(right), 4),
            "difference": round(gap.mean, 4),
            "low": gap.low if gap.low is None else round(gap.low, 4),
            "high": gap.high if gap.high is None else round(gap.high, 4),
            "clear": gap.clear,
        })  # fmt: skip
    return rows
