"""The figures that Duecourse is to reach, and what a run made of them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, le, lt
from typing import Any

_COMPARE: dict[str, Callable[[float, float], bool]] = {">=": ge, "<=": le, "<": lt}


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    name: str
    part: str
    what: str
    relation: str = ""
    """`>=`, `<=` or `<`; empty where the figure is published and nothing is asked of it."""
    reach: float = 0.0
    aim: float | None = None

    @property
    def asked(self) -> str:
        """The requirement in words: `>= 3`, and what we aim at."""
        if not self.relation:
            return "published"
        aim = f", aim {self.aim:g}" if self.aim is not None else ""
        return f"{self.relation} {self.reach:,g}{aim}"

    def met(self, value: float | None) -> bool | None:
        """None where nothing is asked, or nothing was measured."""
        if value is None or not self.relation:
            return None
        return _COMPARE[self.relation](value, self.reach)


FIGURES = (
    Figure(name="ratio_vs_bare_dramatiq", part="delivery", relation=">=", reach=3, aim=4,
           what="governed, one message a call, by a bare Dramatiq actor"),
    Figure(name="ratio_vs_celery", part="celery", relation=">=", reach=8,
           what="the same by a Celery prefork task"),
    Figure(name="ratio_vs_http_ceiling", part="delivery", relation=">=", reach=0.55, aim=0.75,
           what="the same by the ceiling of httpx's transport on aiohttp"),
    Figure(name="ratio_vs_own_ceiling", part="delivery", what="the same by the ceiling of our own transport"),
    Figure(name="batch_ratio_vs_bare", part="delivery", relation=">=", reach=5, aim=8,
           what="governed, 100 messages a call, by the bare actor"),
    Figure(name="ratio_vs_one_worker", part="delivery", what="two workers by one"),
    Figure(name="governed_single_per_s", part="delivery", what="governed contacts a second, one message a call"),
    Figure(name="governed_batch_per_s", part="delivery", what="governed contacts a second, 100 messages a call"),
    Figure(name="plan_rows_per_s", part="planning", relation=">=", reach=100_000,
           what="contacts planned a second, on the largest book"),
    Figure(name="tick_cost_ratio_10m_vs_100k", part="planning", relation="<=", reach=1.5,
           what="a planning pass on 10 M instalments by one on 100 k"),
    Figure(name="release_rows_per_s", part="planning", what="contacts released a second"),
    Figure(name="rate_limit_utilisation", part="limits", relation=">=", reach=0.98,
           what="of a provider's rate, used by four workers"),
    Figure(name="rate_limit_breaches", part="limits", relation="<=", reach=0,
           what="one-second windows above the rate and its burst"),
    Figure(name="cancel_p99_ms", part="payments", relation="<", reach=100,
           what="payment recorded and its contacts cancelled, ms, p99"),
    Figure(name="sent_after_payment", part="payments", relation="<=", reach=0,
           what="contacts sent after their payment"),
    Figure(name="due_to_accepted_p50_ms", part="latency", what="due to accepted, ms, at a tenth of capacity, p50"),
    Figure(name="due_to_accepted_p95_ms", part="latency", what="the same, p95"),
    Figure(name="due_to_accepted_p99_ms", part="latency", what="the same, p99"),
    Figure(name="due_to_accepted_80_p50_ms", part="latency", what="due to accepted, ms, at 80 % of capacity, p50"),
    Figure(name="due_to_accepted_80_p95_ms", part="latency", what="the same, p95"),
    Figure(name="due_to_accepted_80_p99_ms", part="latency", what="the same, p99"),
    Figure(name="worker_rss_mb", part="costs", relation="<", reach=200, what="a worker's memory at its peak, MB"),
    Figure(name="scheduler_rss_mb", part="planning", what="a scheduler's memory at its peak, largest book, MB"),
    Figure(name="scheduler_rss_growth", part="planning", relation="<=", reach=1.1,
           what="the same by that on the smallest book"),
)  # fmt: skip


def judged(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every figure with its requirement and whether it was met."""
    return [
        {
            "name": figure.name,
            "part": figure.part,
            "what": figure.what,
            "value": values.get(figure.name),
            "asked": figure.asked,
            "met": figure.met(values.get(figure.name)),
        }
        for figure in FIGURES
    ]


def joint(values: Mapping[str, Any]) -> dict[str, float]:
    """Figures that two parts make together."""
    if "celery_per_s" in values and "governed_single_per_s" in values:
        return {"ratio_vs_celery": round(values["governed_single_per_s"] / values["celery_per_s"], 2)}
    return {}
