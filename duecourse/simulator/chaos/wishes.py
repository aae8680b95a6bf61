"""What a chaos run is to be, and what follows from it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from duecourse.domain.vocabulary import ChannelKind

#: The contacts of one due date; all of them are due from 10:00 in New York.
DUE = date(2018, 7, 10)
START = datetime(2018, 7, 10, 14, 5, tzinfo=UTC)
#: Their windows end at 19:45 there: the storm takes at most so much of it, the settling the rest.
_STORM_SPAN_S = 3_600.0
_FASTEST = 5.0
#: Business seconds after which what nobody can tell is assumed sent; see setting.py.
WINDOW_S = 7_200.0

SHARES = {ChannelKind.SMS: 0.7, ChannelKind.PUSH: 0.2, ChannelKind.EMAIL: 0.1}
"""How the contacts are spread over the channels: a provider that knows keys, none, and one with a look-up."""
#: The sending would take this part of the storm if nothing broke, so that most faults meet work.
_BUSY_PART = 0.6
_FAULTS_PER_S = 1.4
_LEAST_FAULTS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long things take, in seconds; shorter than in production, in the same relations."""

    deadline_s: float
    http_total_s: float
    lease_s: float
    settle_s: float
    """The provider accepts at most this long after a request came; more than `http_total_s`."""


STORM_PACE = Pace(deadline_s=1.0, http_total_s=3.0, lease_s=10.0, settle_s=4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChaosWishes:
    """`seconds` is how long faults are injected; starting and settling come on top."""

    seed: int
    seconds: float
    contacts: int
    folder: Path
    pace: Pace = STORM_PACE

    @property
    def faults(self) -> int:
        """How many faults to inject."""
        return max(_LEAST_FAULTS, int(self.seconds * _FAULTS_PER_S))

    @property
    def speed(self) -> float:
        """Business seconds per real second."""
        return min(_FASTEST, _STORM_SPAN_S / self.seconds)

    def count(self, channel: ChannelKind) -> int:
        return round(self.contacts * SHARES[channel])

    def rate_per_s(self, channel: ChannelKind) -> float:
        """What the provider of the channel takes."""
        return max(20.0, self.count(channel) / (self.seconds * _BUSY_PART))
