"""The weighted choice of a provider: by a hash of contact and chain of attempts, so that a re-claim chooses alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from math import inf, log

from duecourse.routing.route import Lane

_SPAN = 2.0**64
_MASK = 2**64 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What was tried for a contact on its channel before. Business time."""

    first: Mapping[str, datetime] = field(default_factory=dict)
    """When each provider was called first."""
    last: str | None = None
    """Whom the last attempt went to."""


UNTRIED = Tried()


def weigh(lanes: Sequence[Lane], shares: Mapping[str, float]) -> dict[str, float]:
    """What each of these lanes is given: weight times share. Standbys take what the others lost.

    `shares`: providers that are not named are healthy.
    """
    found = {lane.provider: lane.weight * shares.get(lane.provider, 1.0) for lane in lanes}
    total = sum(lane.weight for lane in lanes)
    standbys = [lane.provider for lane in lanes if lane.weight <= 0]
    for name in standbys:
        # Alone they share alike.
        lost = (total - sum(found[lane.provider] for lane in lanes if lane.weight > 0)) or (0.0 if total else 1.0)
        found[name] = lost * shares.get(name, 1.0) / len(standbys)
    return found


def rank(weights: Mapping[str, float], contact_id: int, chain: int) -> list[str]:
    """All providers, the chosen one first, the next in line after it. Each is first as often as its weight says.

    Weighted rendezvous hashing: a changed weight moves as few contacts as it must.
    """
    place = _digest(b"%d:%d" % (contact_id, chain))
    return sorted(weights, key=lambda name: (_score(name, weights[name], place), name))


def _score(name: str, weight: float, place: int) -> float:
    return -log((_mixed(place ^ _salt(name)) + 1) / _SPAN) / weight if weight > 0 else inf


def _mixed(number: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): a digest for each contact and name takes far longer."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _MASK
    return number ^ (number >> 31)


@lru_cache(maxsize=1_000)
def _salt(name: str) -> int:
    return _digest(name.encode())


def _digest(what: bytes) -> int:
    return int.from_bytes(blake2b(what, digest_size=8).digest(), "big")


def reconsider(ranked: Sequence[str], tried: Tried, *, now: datetime, provider_s: float) -> list[str]:
    """The line after failures that surely were not processed.

    First who was not tried, then who was, the last one after the others, and at the end whose time is over.
    """

    def place(name: str) -> int:
        first = tried.first.get(name)
        if first is None:
            return 0
        if (now - first).total_seconds() > provider_s:
            return 3
        return 2 if name == tried.last else 1

    return sorted(ranked, key=place)
