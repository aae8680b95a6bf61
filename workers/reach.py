"""Whether the broker answers, as this process sees it: told by the broker's own calls, from any thread."""

import time

import dramatiq

from duecourse.domain.clock import Monotonic


class Reach:
    def __init__(self, monotonic: Monotonic = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lost_at: float | None = None

    def answered(self) -> None:
        self._lost_at = None

    def failed(self) -> None:
        if self._lost_at is None:
            self._lost_at = self._monotonic()

    def away_s(self) -> float:
        """For how long it has not answered; 0 where it does, or was not asked yet."""
        lost_at = self._lost_at
        return 0.0 if lost_at is None else self._monotonic() - lost_at


def reach_of(broker: dramatiq.Broker) -> Reach:
    """Of a broker that `make_broker` made."""
    reach: Reach = broker.reach  # type: ignore[attr-defined]
    return reach
