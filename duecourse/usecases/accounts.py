"""What this process has open with each provider account: as much at once as does it good, and whether it keeps up."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from duecourse.ports import Channel, Grant, Way
from duecourse.routing.concurrency import Pace, Sample, after
from duecourse.usecases.waiting_room import WaitingRoom

#: Where no file says otherwise: what a process of 8 threads has open with micro-batches of 100, and some.
MOST_IN_FLIGHT = 1_000
#: An account that was not asked for so long may have caught up meanwhile.
_NEWS_S = 2.0


class Account:
    """One provider account in this process. Times are monotonic seconds."""

    def __init__(self, channel: Channel, most: int = MOST_IN_FLIGHT) -> None:
        self.channel = channel
        self.waiting_room = WaitingRoom()
        self.ways: dict[int, Way] = {}
        """What was decided for the contacts that wait for this account."""
        self.pace = Pace.full(most)
        self.open = 0
        self._asked_at = self._well_at = self._silent_until = float("-inf")

    @property
    def name(self) -> str:
        return self.channel.name

    @property
    def room(self) -> int:
        """How many calls may be begun now."""
        return max(self.pace.room - self.open, 0)

    @contextmanager
    def opened(self, count: int) -> Iterator[None]:
        """So many calls are under way, or about to be."""
        self.open += count
        try:
            yield
        finally:
            self.open -= count

    def saw(self, sample: Sample, now: float) -> None:
        """How a group of calls went."""
        self.pace = after(self.pace, sample, now)

    def heard(self, want: int, grant: Grant, now: float) -> None:
        """What the limiter or the room left of what was wanted."""
        if grant.granted >= want or now - self._asked_at > _NEWS_S:
            self._well_at = now
        self._asked_at = now
        if not grant.granted:
            self._silent_until = now + grant.wait_s

    def behind(self, patience_s: float, now: float) -> bool:
        """Contacts wait for it longer than that, in this process: another provider had better take them."""
        if self._silent_until - now > patience_s:
            return True
        return now - self._asked_at <= _NEWS_S and self._asked_at - self._well_at > patience_s

    def take_ways(self, contact_ids: Sequence[int]) -> dict[int, Way]:
        """What was decided for these; it is forgotten here."""
        if not self.ways:
            return {}
        return {one: way for one in contact_ids if (way := self.ways.pop(one, None))}


class Accounts:
    """The accounts of one channel by name, each made when it is first needed."""

    def __init__(self, most_in_flight: Mapping[str, int] | None = None) -> None:
        self._most = dict(most_in_flight or {})
        self._known: dict[str, Account] = {}

    def of(self, channel: Channel) -> Account:
        if channel.name not in self._known:
            self._known[channel.name] = Account(channel, self._most.get(channel.name, MOST_IN_FLIGHT))
        return self._known[channel.name]
