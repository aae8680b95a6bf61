"""Prometheus metrics: what waits is counted in Postgres, what happened is added up from the events since the start.

Every web process tells the same figures of the same database: aggregate instances with `max`, not with `sum`.
"""

import asyncio
import re
import time
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

import structlog
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from duecourse.domain.clock import Clock, Monotonic
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.vocabulary import OutcomeClass
from duecourse.ledger.database import PostgresLedger
from duecourse.ledger.figures import LATENCY_BOUNDS, Depth, FigureRows, Latency, Step
from duecourse.ledger.waiting import Waiting

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: A scrape waits so long for the database, and then has the last figures.
_PATIENCE_S = 10.0
_OUTCOMES = frozenset(kind.value for kind in OutcomeClass)
_WITHHELD = frozenset({"suppressed", "cancelled", "expired", "deferred", "review", "rejected"})
#: A rule's id or a cause of ours. A provider's own codes would make labels without end.
_REASON = re.compile(r"[a-z][a-z0-9._-]{0,59}")
_LABELS_OF_BOUNDS = [str(bound) for bound in LATENCY_BOUNDS] + ["+Inf"]


@dataclass(kw_only=True, eq=False)
class Figures(Collector):
    """The database's figures, read at most every `fresh_s` and never for more than a twentieth of the time."""

    ledger: PostgresLedger
    clock: Clock
    monotonic: Monotonic = time.monotonic
    fresh_s: float = 5.0
    lag: timedelta = timedelta(seconds=5)
    """Events are counted this long after their time: a transaction that is slower than that would be missed."""
    up: bool = False
    depths: Sequence[Depth] = ()
    inbox: tuple[int, int] = (0, 0)
    waiting: Waiting = field(default_factory=Waiting)
    shares: Sequence[tuple[str, str, float]] = ()
    steps: Tally[tuple[str, str, str, str]] = field(default_factory=Tally)
    buckets: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    sums: dict[tuple[str, str], float] = field(default_factory=dict)
    _since: datetime | None = None
    _next: float = float("-inf")
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self) -> None:
        """Read the figures anew where they are no longer fresh. A database that is away leaves the last ones."""
        async with self._reading:
            started = self.monotonic()
            if started < self._next:
                return
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._read()
                self.up = True
            except (StoreUnavailable, TimeoutError):
                self.up = False
                log.warning("figures.unavailable")
            ended = self.monotonic()
            self._next = ended + max(self.fresh_s, 20 * (ended - started))

    async def _read(self) -> None:
        times = await self.clock.read()
        until = times.lease - self.lag
        since = self._since or until
        async with self.ledger.transaction() as tx:
            rows = FigureRows(tx.conn)
            depths, inbox, shares = await rows.depths(times=times), await rows.inbox(), await rows.shares()
            waiting = await rows.waiting(times=times)
            steps = await rows.steps(since, until) if until > since else []
            latencies = await rows.latencies(since, until) if until > since else []
        # All or nothing: a reading that broke off must not be counted twice.
        self.depths, self.inbox, self.shares, self._since = depths, inbox, shares, max(since, until)
        self.waiting = waiting
        self._add(steps, latencies)

    def _add(self, steps: Sequence[Step], latencies: Sequence[Latency]) -> None:
        for step in steps:
            self.steps[step.kind, step.channel, step.provider, step.detail] += step.count
        for one in latencies:
            counts = self.buckets.setdefault((one.channel, one.stage), [0] * len(_LABELS_OF_BOUNDS))
            counts[one.bucket] += one.count
            self.sums[one.channel, one.stage] = self.sums.get((one.channel, one.stage), 0.0) + one.sum_s

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for."""
        yield _gauge("duecourse_figures_up", "1 where the last reading of the database succeeded.", float(self.up))
        yield _gauge("duecourse_inbox_waiting", "Stored webhooks that wait to be applied.", self.inbox[0])
        yield _gauge("duecourse_inbox_set_aside", "Stored webhooks that could not be applied.", self.inbox[1])
        yield from self._people()
        yield self._shares()
        yield from self._queues()
        yield self._events()
        yield self._outcomes()
        yield self._withheld()
        yield self._latencies()

    def _people(self) -> Iterator[Metric]:
        waiting = self.waiting
        yield _gauge("duecourse_questions", "Replies that are perhaps a stop: nobody has said yet.", waiting.questions)
        yield _gauge("duecourse_reviews", "Contacts that wait for a person's decision.", waiting.reviews)
        missed = "Calls and visits that were allowed and never recorded."
        yield _gauge("duecourse_unrecorded_encounters", missed, waiting.unrecorded)

    def _shares(self) -> Metric:
        words = "The part of its weight that a provider of a shared route is given; absent where it is all of it."
        family = GaugeMetricFamily("duecourse_provider_share", words, labels=("channel", "provider"))
        for channel, provider, share in self.shares:
            family.add_metric((channel, provider), share)
        return family

    def _queues(self) -> Iterator[Metric]:
        labels = ("channel", "state")
        depth = GaugeMetricFamily("duecourse_queue_contacts", "Contacts on their way: ready is due.", labels=labels)
        oldest = GaugeMetricFamily(
            "duecourse_queue_oldest_seconds", "How long the oldest of them waits.", labels=labels
        )
        for row in self.depths:
            depth.add_metric((row.channel, row.state), row.count)
            oldest.add_metric((row.channel, row.state), row.oldest_s)
        yield from (depth, oldest)

    def _events(self) -> Metric:
        family = CounterMetricFamily("duecourse_contact_events", "What happened.", labels=("channel", "event"))
        tally: Tally[tuple[str, str]] = Tally()
        for (kind, channel, _, _), count in self.steps.items():
            tally[channel, kind] += count
        return _filled(family, tally)

    def _outcomes(self) -> Metric:
        labels = ("channel", "provider", "outcome")
        family = CounterMetricFamily("duecourse_outcomes", "How calls to providers ended, by class.", labels=labels)
        tally: Tally[tuple[str, str, str]] = Tally()
        for (_, channel, provider, detail), count in self.steps.items():
            if provider and detail in _OUTCOMES:
                tally[channel, provider, detail] += count
        return _filled(family, tally)

    def _withheld(self) -> Metric:
        labels = ("channel", "state", "reason")
        family = CounterMetricFamily("duecourse_withheld", "Contacts that were kept back, and why.", labels=labels)
        tally: Tally[tuple[str, str, str]] = Tally()
        for (kind, channel, _, detail), count in self.steps.items():
            state = kind.removeprefix("contact.")
            if state in _WITHHELD:
                tally[channel, state, detail if _REASON.fullmatch(detail) else "other"] += count
        return _filled(family, tally)

    def _latencies(self) -> Metric:
        family = HistogramMetricFamily(
            "duecourse_contact_latency_seconds", "From one stage to the next.", labels=("channel", "stage")
        )
        for labels, counts in self.buckets.items():
            buckets = list(zip(_LABELS_OF_BOUNDS, accumulate(map(float, counts)), strict=True))
            family.add_metric(labels, buckets, sum_value=self.sums[labels])
        return family


class Meter:
    """The registry of this process: its own, so that nothing else's metrics are told."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self.registry = CollectorRegistry()
        self.registry.register(figures)
        self.webhooks = Counter(
            "duecourse_webhooks", "Providers' calls to this process.", ("provider", "result"), registry=self.registry
        )

    async def expose(self) -> bytes:
        await self.figures.refresh()
        return generate_latest(self.registry)


def router(meter: Meter) -> APIRouter:
    """`/metrics`. Keep it inside: the proxy in front of this process forwards it to nobody."""
    routes = APIRouter()

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(await meter.expose(), headers={"content-type": CONTENT_TYPE_LATEST})

    return routes


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _filled(family: CounterMetricFamily, tally: "Tally[tuple[str, str]] | Tally[tuple[str, str, str]]") -> Metric:
    for labels, count in tally.items():
        family.add_metric(labels, count)
    return family
