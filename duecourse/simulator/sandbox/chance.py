"""Chance that repeats: every draw is a hash of the seed and of what it is about, so a run can be run again."""

from hashlib import blake2b

_SCALE = 1 / 2**64


class Chance:
    def __init__(self, seed: int) -> None:
        self._key = str(seed).encode()

    def draw(self, *about: str | int) -> float:
        """A number in [0, 1), the same for the same seed and the same words."""
        told = "\x1f".join(map(str, about)).encode()
        return int.from_bytes(blake2b(told, key=self._key, digest_size=8).digest()) * _SCALE

    def happens(self, probability: float, *about: str | int) -> bool:
        return probability > 0 and self.draw(*about) < probability

    def between(self, low: float, high: float, *about: str | int) -> float:
        return low + (high - low) * self.draw(*about)
