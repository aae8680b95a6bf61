"""How many calls a worker may have open with one provider: additive rise, multiplicative fall on latency and 429s."""

from dataclasses import dataclass, replace

#: What a congested provider is left of the limit; once per window, as one congestion shows in many answers.
_FALL = 0.7
_FALL_WINDOW_S = 1.0
#: Of the upper bound, per second of calls that went well.
_CLIMB_PER_S = 0.05
#: A pause says nothing of the provider: it does not count as so many good seconds.
_LONGEST_CLIMB_S = 1.0
#: Below this no latency is called slow: at full speed a busy worker's own loop takes as long.
_SLOW_S = 1.0
_SLOW_FACTOR = 4.0
#: How fast the usual latency follows a provider that became slower for good, per sample.
_CREEP = 1.01
_THROTTLED_PART = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A group of calls that were made at once."""

    calls: int
    latency_s: float
    """Of the slowest."""
    throttled: int = 0
    open: int = 0
    """How many were open with the provider then, these among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How many calls may be open. Times are monotonic seconds."""

    most: int
    limit: float
    usual_s: float | None = None
    """Latency while all is well."""
    fell_at: float = float("-inf")
    seen_at: float | None = None

    @classmethod
    def full(cls, most: int) -> "Pace":
        return cls(most=most, limit=float(most))

    @property
    def room(self) -> int:
        """At least one, always: what is never called is never seen to be well again."""
        return max(1, int(self.limit))


def after(pace: Pace, sample: Sample, now: float) -> Pace:
    """The pace once these calls ended."""
    if sample.calls <= 0:
        return pace
    if _congested(pace, sample):
        return _slower(pace, sample, now)
    since = min(max(now - pace.seen_at, 0.0), _LONGEST_CLIMB_S) if pace.seen_at is not None else 0.0
    limit = min(float(pace.most), pace.limit + pace.most * _CLIMB_PER_S * since)
    return replace(pace, limit=limit, usual_s=_usual(pace, sample), seen_at=now)


def _congested(pace: Pace, sample: Sample) -> bool:
    slow = max(_SLOW_S, _SLOW_FACTOR * (pace.usual_s or 0.0))
    return sample.throttled >= max(1.0, _THROTTLED_PART * sample.calls) or sample.latency_s > slow


def _slower(pace: Pace, sample: Sample, now: float) -> Pace:
    # Calls that were open when it fell already come back slow as well: they are no news.
    again = now - pace.fell_at >= max(_FALL_WINDOW_S, sample.latency_s)
    used = min(pace.limit, max(sample.open, sample.calls))
    limit, fell_at = (max(1.0, used * _FALL), now) if again else (pace.limit, pace.fell_at)
    return replace(pace, limit=limit, fell_at=fell_at, usual_s=_usual(pace, sample), seen_at=now)


def _usual(pace: Pace, sample: Sample) -> float:
    # The first answer may come from the midst of an outage: what is slow is not taken for usual at once.
    usual = _SLOW_S / _SLOW_FACTOR if pace.usual_s is None else pace.usual_s
    return min(sample.latency_s, usual * _CREEP)
