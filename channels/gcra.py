"""The rate of a provider account in this process alone: what `gcra.lua` does in Redis, step by step the same.

A cell is a token bucket written as one time (generic cell rate algorithm). All cells of an account run on one clock
that goes slower than the real one after the provider complained, and never faster: so no cell ever grants more than
its rate times the time plus its burst, whatever the feedback does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor

SECOND = 1_000_000

#: What a complaint leaves of the rate; at most one complaint per window counts: one burst of calls gets many.
FALL = 0.7
FALL_WINDOW = SECOND
LOWEST = 0.1
#: Of the nominal rate, per microsecond without complaint: 2 % a second.
CLIMB = 2e-8

_PRUNE_ABOVE = 10_000


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

    def free(self, tat: int, now: int) -> int:
        """Tokens; negative where more was taken than there is."""
        return floor(self.burst - (max(tat, now) - now) / self.emission)

    def until(self, tat: int, now: int, tokens: int) -> float:
        """Microseconds until so many are free; negative where they have been for a while."""
        return max(tat, now) - (self.burst - tokens) * self.emission - now


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A class of priorities: those up to `up_to` (0 is the most urgent), and the part of the rate that is its own."""

    up_to: int
    fraction: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one provider account allows, and how we divide it. Without shares, priority means nothing."""

    account: Rate
    endpoints: Mapping[str, Rate] = field(default_factory=dict)
    shares: tuple[Share, ...] = ()
    """Most urgent first; their fractions add up to 1 at most."""
    reserve: float = 0.0
    """The part of a burst that only guarantees may use."""
    recipient: Rate | None = None
    """For each single recipient."""

    def turn(self, priority: int) -> int:
        """The index of a priority's class; 0 where there are no classes."""
        last = max(len(self.shares) - 1, 0)
        return next((i for i, share in enumerate(self.shares) if priority <= share.up_to), last)

    def cells(self, endpoint: str) -> Iterator[tuple[str, Rate]]:
        """What a call to this endpoint counts against. One that has no limit of its own counts for the account only."""
        yield "account", self.account
        if endpoint in self.endpoints:
            yield f"endpoint:{endpoint}", self.endpoints[endpoint]

    def part(self, fraction: float) -> "Limits":
        """What one of several callers may use that do not see each other."""
        parts = {name: rate.share(fraction) for name, rate in self.endpoints.items()}
        return replace(self, account=self.account.share(fraction), endpoints=parts)


class Pace:
    """The provider's silence, and the clock that goes slower after it complained. Times are whole microseconds."""

    def __init__(self) -> None:
        self._silent_until = 0
        self._at, self._then, self._factor, self._climbs_from = 0, 0, 1.0, 0
        self._fell = -FALL_WINDOW

    def clock(self, now: int) -> int:
        """The cells' time at a real time: the factor's integral."""
        factor, climbing = self._factor, max(now - self._climbs_from, 0)
        slow = min(climbing, (1 - factor) / CLIMB)
        passed = factor * (min(now, self._climbs_from) - self._at)
        return self._then + floor(passed + factor * slow + CLIMB * slow * slow / 2 + (climbing - slow))

    def factor(self, now: int) -> float:
        return min(1.0, self._factor + CLIMB * max(now - self._climbs_from, 0))

    def silence(self, now: int) -> int:
        """Microseconds until the end of the pause; 0 where there is none."""
        return max(self._silent_until - now, 0)

    def pause(self, now: int, span: int) -> None:
        """The factor falls once per window, and not during a pause: such a complaint is about an earlier call."""
        then, factor = self.clock(now), self.factor(now)
        if not self.silence(now) and now - self._fell >= FALL_WINDOW:
            factor, self._fell = max(factor * FALL, LOWEST), now
        self._silent_until = max(self._silent_until, now + span)
        self._at, self._then, self._factor = now, then, factor
        self._climbs_from = max(self._silent_until, now)


class Cell:
    """One limit and its classes' guarantees. Times are those of the account's clock."""

    def __init__(self, rate: Rate, limits: Limits) -> None:
        self._rate = rate
        self._reserve = reserve_of(rate, limits)
        self._classes = [rate.share(share.fraction) for share in limits.shares]
        self._tat = 0
        self._own = [0] * len(self._classes)
        self._hungry = [0] * len(self._classes)

    def room(self, now: int, turn: int) -> tuple[int, int]:
        """Tokens that anybody may take, and those that this class may take beyond them."""
        free = max(self._rate.free(self._tat, now), 0)
        surplus = 0 if self._blocked_until(turn) > now else max(free - self._reserve, 0)
        own = max(self._classes[turn].free(self._own[turn], now), 0) if self._classes else 0
        return surplus, min(free - surplus, own)

    def charge(self, now: int, turn: int, count: int) -> None:
        """Its own share is touched last: it is for when there is nothing else."""
        own = count - min(count, self.room(now, turn)[0])
        if count > 0:
            self._tat = ceil(max(self._tat, now) + count * self._rate.emission)
        if own > 0:
            self._own[turn] = ceil(max(self._own[turn], now) + own * self._classes[turn].emission)

    def wait(self, now: int, turn: int, rest: int) -> int:
        """Until it is worth asking again: for half of what can be had at once, so that who comes late loses nothing."""
        worth = min(rest, max((self._rate.burst - self._reserve) // 2, 1))
        wait = max(self._rate.until(self._tat, now, self._reserve + worth), self._blocked_until(turn) - now)
        if self._classes:
            own = self._classes[turn]
            worth = min(rest, max(own.burst // 2, 1))
            needs = (own.until(self._own[turn], now, worth), self._rate.until(self._tat, now, worth))
            wait = min(wait, max(needs))
        # One more than needed, for what rounding took.
        return max(ceil(wait) + 1, 0)

    def remember(self, now: int, turn: int, wait: int) -> None:
        """Whoever is told to wait is preferred until then and a little longer, by less than fills the bucket."""
        if self._classes:
            grace = ceil((self._rate.burst - self._reserve) * self._rate.emission / 4)
            self._hungry[turn] = now + wait + grace if wait >= 0 else 0

    def give(self, now: int, count: int) -> None:
        """To everybody: whether it was of the class' own is not known any more."""
        self._tat = ceil(max(max(self._tat, now) - count * self._rate.emission, now))

    def left(self, span: tuple[int, int], turn: int) -> int:
        """What an eager caller of this class would get at least, alone, from the span's start to its end.

        While a more urgent class waits, that is its own share: a campaign is not handed out to wait in the queues.
        """
        start, end = span
        free = floor(self._rate.burst - (max(self._tat, start) - end) / self._rate.emission)
        surplus = free - self._reserve if self._blocked_until(turn) <= start else 0
        own = 0
        if self._classes:
            rate = self._classes[turn]
            own = floor(rate.burst - (max(self._own[turn], start) - end) / rate.emission)
        return max(surplus, min(free, own), 0)

    def _blocked_until(self, turn: int) -> int:
        """While a more urgent class waits for what all may take, others keep to their own."""
        return max(self._hungry[:turn], default=0)


class Account:
    """All limits of one provider account. Times are microseconds of any clock that does not run backwards."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pace = Pace()
        rates = {"account": limits.account} | {f"endpoint:{name}": rate for name, rate in limits.endpoints.items()}
        self._cells = {name: Cell(rate, limits) for name, rate in rates.items()}

    def take(self, now: int, want: int, *, turn: int = 0, endpoint: str = "") -> tuple[int, int]:
        """Granted tokens, and microseconds until the rest may be asked for."""
        if silence := self._pace.silence(now):
            return 0, silence
        time, cells = self._pace.clock(now), self._of(endpoint)
        rooms = [sum(cell.room(time, turn)) for cell in cells]
        granted = min(want, *rooms)
        longest = 0
        for cell, room in zip(cells, rooms, strict=True):
            cell.charge(time, turn, granted)
            wait = cell.wait(time, turn, want - granted) if granted < want else 0
            cell.remember(time, turn, wait if room < want else -1)
            longest = max(longest, wait)
        return granted, ceil(longest / self._pace.factor(now))

    def give(self, now: int, count: int, *, endpoint: str = "") -> None:
        for cell in self._of(endpoint):
            cell.give(self._pace.clock(now), count)

    def left(self, now: int, within: int, *, turn: int = 0, endpoint: str = "") -> int:
        """Tokens that this class could surely be granted until `within` microseconds from now."""
        start = now + self._pace.silence(now)
        if start > now + within:
            return 0
        span = self._pace.clock(start), self._pace.clock(now + within)
        return min(cell.left(span, turn) for cell in self._of(endpoint))

    def silence(self, now: int) -> int:
        return self._pace.silence(now)

    def pause(self, now: int, span: int) -> None:
        self._pace.pause(now, span)

    def _of(self, endpoint: str) -> list[Cell]:
        return [self._cells[name] for name, _ in self._limits.cells(endpoint)]


class Recipients:
    """Each recipient's own limit."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._tats: dict[str, int] = {}

    def take(self, now: int, keys: Sequence[str]) -> list[bool]:
        if len(self._tats) > _PRUNE_ABOVE:
            self._tats = {key: tat for key, tat in self._tats.items() if tat > now}
        return [self._take(now, key) for key in keys]

    def _take(self, now: int, key: str) -> bool:
        tat = self._tats.get(key, 0)
        if self._rate.free(tat, now) < 1:
            return False
        self._tats[key] = ceil(max(tat, now) + self._rate.emission)
        return True


def reserve_of(rate: Rate, limits: Limits) -> int:
    """Tokens that only guarantees may use; never the whole burst."""
    return min(floor(rate.burst * limits.reserve), rate.burst - 1) if limits.shares else 0
