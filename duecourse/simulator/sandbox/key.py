"""Idempotency keys as providers keep them: recorded when a call completes, forgotten after a window."""

from collections import OrderedDict

from duecourse.domain.clock import Monotonic


class Keys:
    """Two calls with one key that are in flight together are both processed: that is how real providers behave."""

    def __init__(self, *, window_s: float, now: Monotonic) -> None:
        self._window_s = window_s
        self._now = now
        self._seen: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def message_of(self, key: str) -> str | None:
        """The message that the key once made, if it is remembered."""
        self._forget()
        seen = self._seen.get(key)
        return seen[0] if seen else None

    def complete(self, key: str, message_id: str) -> None:
        if key:
            self._seen.setdefault(key, (message_id, self._now()))

    def _forget(self) -> None:
        oldest = self._now() - self._window_s
        while self._seen and next(iter(self._seen.values()))[1] < oldest:
            self._seen.popitem(last=False)
