"""The provider's own rate limit: a token bucket per account, refused calls cost nothing."""

from duecourse.domain.clock import Monotonic


class Pace:
    def __init__(self, *, rate_per_s: float, burst: int, now: Monotonic) -> None:
        self._rate = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._now = now
        self._at = now()

    def wait_for(self, count: int) -> float:
        """Take `count` and return 0, or take none and return the seconds until they could be had."""
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # A batch larger than the burst passes when the bucket is full, and leaves a debt.
        needed = min(float(count), self._burst)
        if self._tokens >= needed:
            self._tokens -= count
            return 0.0
        return (needed - self._tokens) / self._rate
