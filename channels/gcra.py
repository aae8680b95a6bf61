"""The generic cell rate algorithm in this process alone: what `gcra.lua` does in Redis, step by step the same."""

from dataclasses import dataclass
from math import ceil, floor

SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """At most `per_s` * T + `burst` tokens in any T seconds."""

    per_s: float
    burst: int

    @property
    def emission(self) -> float:
        """Microseconds per token."""
        return SECOND / self.per_s

    def share(self, fraction: float) -> "Rate":
        """A part of it; never less than one token at a time."""
        return Rate(per_s=self.per_s * fraction, burst=max(1, floor(self.burst * fraction)))


class Cell:
    """One account's state. Times are microseconds of any clock that does not run backwards."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._tat = 0
        self._paused = 0

    def take(self, now: int, want: int) -> tuple[int, int]:
        """Granted tokens, and microseconds until the rest may be asked for."""
        if silence := self.silence(now):
            return 0, silence
        rate, tat = self._rate, max(self._tat, now)
        granted = min(want, max(floor(rate.burst - (tat - now) / rate.emission), 0))
        if granted > 0:
            tat = self._tat = ceil(tat + granted * rate.emission)
        rest = want - granted
        if rest <= 0:
            return granted, 0
        worth = min(rest, max(rate.burst // 2, 1))
        return granted, max(ceil(tat - (rate.burst - worth) * rate.emission - now), 0)

    def give(self, now: int, count: int) -> None:
        self._tat = ceil(max(max(self._tat, now) - count * self._rate.emission, now))

    def left(self, now: int, within: int) -> int:
        """Tokens that could be granted until `within` microseconds from now."""
        paused = max(self._paused, now)
        if paused > now + within:
            return 0
        base = max(self._tat, paused)
        return max(floor(self._rate.burst - (base - now - within) / self._rate.emission), 0)

    def silence(self, now: int) -> int:
        """Microseconds until the end of the pause; 0 where there is none."""
        return max(self._paused - now, 0)

    def pause(self, now: int, span: int) -> None:
        self._paused = max(self._paused, now + span)
