"""How large a part of its weight a provider is given: a judgement on recent outcomes and on missing receipts.

It falls fast in bounded steps and recovers slowly. What others learnt the hard way (GOV.UK Notify, 2017 to 2024): a
switch on any error flaps; one error must not drain a provider for hours; the same evidence must not count twice; a
drained provider must still be tried, or nobody learns that it is well again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from duecourse.domain.message import Outcome
from duecourse.domain.vocabulary import OutcomeClass


class Sign(StrEnum):
    """What one call says about its provider."""

    GOOD = "good"
    UNSENT = "unsent"
    """Surely not processed."""
    UNKNOWN = "unknown"
    THROTTLED = "throttled"


class Reason(StrEnum):
    """Why a share was changed: the words of ledger events and metrics."""

    FAILURES = "failures"
    LATE_RECEIPTS = "late-receipts"
    RECOVERED = "recovered"
    UNTRIED = "untried"
    """So little came its way that nothing is known: the benefit of the doubt."""


#: A refusal is the recipient's or the text's matter, so REJECTED says nothing of the provider.
_SIGNS = {
    OutcomeClass.ACCEPTED: Sign.GOOD,
    OutcomeClass.DUPLICATE: Sign.GOOD,
    OutcomeClass.TRANSIENT: Sign.UNSENT,
    OutcomeClass.MISCONFIGURED: Sign.UNSENT,
    OutcomeClass.THROTTLED: Sign.THROTTLED,
    OutcomeClass.UNKNOWN: Sign.UNKNOWN,
}
#: Calls that we spoilt ourselves: late, out of connections, cancelled, a fault of the adapter's.
_OURS = frozenset({
    "deadline", "pool_timeout", "bad_request", "cancelled", "adapter-error", "adapter_error", "not-started",
})  # fmt: skip
#: A provider that asks for a pause is alive, and the limiter heeds it: half a failure.
_COSTS = {Sign.GOOD: 0.0, Sign.UNSENT: 1.0, Sign.UNKNOWN: 1.0, Sign.THROTTLED: 0.5}

Tally = Mapping[Sign, int]


def sign_of(outcome: Outcome) -> Sign | None:
    """None where the outcome says nothing about the provider."""
    return None if outcome.code in _OURS else _SIGNS.get(outcome.kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthTerms:
    """When a provider's share falls and rises. Seconds, and parts of one."""

    window_s: float = 60.0
    """Failures count for this long."""
    min_samples: int = 20
    """Fewer calls than this in the window prove nothing."""
    min_failures: int = 10
    fall_at: float = 0.25
    """So many failed: the share falls. Between this and `rise_at` it stays."""
    rise_at: float = 0.05
    fall_step: float = 0.2
    rise_step: float = 0.1
    trickle: float = 0.02
    """The share never falls below it, so that recovery is seen."""
    step_s: float = 10.0
    """Between a change and the next fall."""
    rise_s: float = 60.0
    """Between a change and the next rise."""
    idle_s: float = 900.0
    """After so long with fewer than `probes` calls the share rises all the same. Also how far back probes count."""
    probes: int = 5
    late_after_s: float = 300.0
    """A receipt is late after this; a message younger than this is not judged."""
    late_window_s: float = 900.0
    late_at: float = 0.15
    late_samples: int = 50
    late_step_s: float = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a provider stands now."""

    share: float = 1.0
    age_s: float = float("inf")
    """Since it was changed last."""
    fell_for: Reason | None = None
    """Why it fell last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What was seen of a provider."""

    recent: Tally
    """Inside the window, and since its share was changed last: the same failure never counts twice."""
    longer: Tally
    """Since that change, as far back as is remembered."""
    receipts: tuple[int, int] = (0, 0)
    """Of the messages old enough to be judged: how many, and how many had their receipt in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    share: float
    reason: Reason


def judge(standing: Standing, evidence: Evidence, terms: HealthTerms, *, others_in_time: bool = False) -> Change | None:
    """The new share; None where nothing changes.

    `others_in_time`: another provider of the route has its receipts in time. Where all are late the cause is
    elsewhere: phones are off, or we do not read our inbox.
    """
    late = others_in_time and is_late(evidence, terms)
    if standing.age_s >= terms.step_s and _failing(evidence.recent, terms):
        return _fall(standing, terms, Reason.FAILURES)
    if late:
        return _fall(standing, terms, Reason.LATE_RECEIPTS) if standing.age_s >= terms.late_step_s else None
    if standing.share >= 1.0 or standing.age_s < _rise_wait(standing, terms) or _part(evidence.longer) > terms.rise_at:
        return None
    if sum(evidence.longer.values()) >= terms.probes:
        return _rise(standing, terms, Reason.RECOVERED)
    return _rise(standing, terms, Reason.UNTRIED) if standing.age_s >= terms.idle_s else None


def is_late(evidence: Evidence, terms: HealthTerms) -> bool:
    """Too many of its messages had no receipt in time."""
    sent, timely = evidence.receipts
    return sent >= terms.late_samples and sent - timely >= terms.late_at * sent


def in_time(evidence: Evidence, terms: HealthTerms) -> bool:
    """Enough of its messages were judged, and they had their receipts."""
    return evidence.receipts[0] >= terms.late_samples and not is_late(evidence, terms)


def _rise_wait(standing: Standing, terms: HealthTerms) -> float:
    """After late receipts, long enough for those of the messages since then to be missed."""
    return terms.rise_s + (terms.late_after_s if standing.fell_for is Reason.LATE_RECEIPTS else 0.0)


def _failing(tally: Tally, terms: HealthTerms) -> bool:
    samples = sum(tally.values())
    return samples >= terms.min_samples and _cost(tally) >= max(terms.min_failures, terms.fall_at * samples)


def _cost(tally: Tally) -> float:
    return sum(_COSTS[sign] * count for sign, count in tally.items())


def _part(tally: Tally) -> float:
    return _cost(tally) / max(sum(tally.values()), 1)


def _fall(standing: Standing, terms: HealthTerms, reason: Reason) -> Change | None:
    share = max(terms.trickle, round(standing.share - terms.fall_step, 6))
    return Change(share=share, reason=reason) if share < standing.share else None


def _rise(standing: Standing, terms: HealthTerms, reason: Reason) -> Change:
    return Change(share=min(1.0, round(standing.share + terms.rise_step, 6)), reason=reason)


def tally_of(outcomes: Iterable[Outcome]) -> Counter[Sign]:
    """Signs of some calls; those that say nothing are left out."""
    return Counter(sign for outcome in outcomes if (sign := sign_of(outcome)))
