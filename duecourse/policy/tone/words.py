"""English words as they are meant: contractions written out, leet and masks undone."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

_TOKEN = re.compile(r"[a-z0-9@$!*#'’+]+")
_EDGE = "!*#'’+"
_LEET: Mapping[str, str] = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s",
    "!": "i", "+": "t",
}  # fmt: skip
_MASK = re.compile(r"[*#]+")
_TRIPLED = re.compile(r"(.)\1{2,}")
_MOST_READINGS = 16
_LONGEST = 24


class Token(NamedTuple):
    """A word at `text[start:end]` of the normal text."""

    word: str
    start: int
    end: int


class Words:
    """Cuts a text into words. `knows` tells whether a word is one that rules look for."""

    def __init__(
        self, contractions: Mapping[str, tuple[str, ...]], knows: Callable[[str], bool], masked: tuple[str, ...]
    ) -> None:
        self._contractions = contractions
        self._knows = knows
        self._masked = masked
        self._seen: dict[str, tuple[str, ...]] = {}

    def cut(self, text: str) -> list[Token]:
        tokens: list[Token] = []
        for found in _TOKEN.finditer(text):
            raw = found[0]
            words = self._seen.get(raw)
            if words is None:
                words = self._read(raw)
                if len(self._seen) < 20_000:  # noqa: PLR2004 - a bound on what strange texts make us remember
                    self._seen[raw] = words
            tokens.extend(Token(word, found.start(), found.end()) for word in words)
        return tokens

    def _read(self, raw: str) -> tuple[str, ...]:
        bare = raw.strip(_EDGE)
        head, apostrophe, tail = bare.replace("’", "'").partition("'")
        bare = head if apostrophe and tail == "s" else head + tail
        if bare in self._contractions:
            return self._contractions[bare]
        if apostrophe and tail in _ENDINGS:
            return (head, _ENDINGS[tail])
        meant = next((word for word in self._readings(raw, bare) if self._knows(word)), bare)
        return (meant,) if meant else ()

    def _readings(self, raw: str, bare: str) -> Iterator[str]:
        yield bare
        if len(raw) > _LONGEST or not any(char.isalpha() for char in raw):
            return
        yield from self._unmasked(raw)
        if not bare.isalpha():
            yield from _unleeted(bare)
            yield from _unleeted(raw)
        yield _TRIPLED.sub(r"\1", bare)
        yield from (whole for whole in self._masked if len(whole) > 3 and whole in bare and len(bare) > 2 * len(whole))  # noqa: PLR2004 - long enough to be no chance

    def _unmasked(self, raw: str) -> Iterator[str]:
        """Words that a mask hides: `sh*t`, `f**k`, `a$$`."""
        if _MASK.search(raw.strip("!'’+")):
            shape = re.compile(_MASK.sub(r"[a-z]{1,4}", re.sub(r"[^a-z*#]", "", raw)))
            yield from (word for word in self._masked if shape.fullmatch(word))


_ENDINGS = {"ll": "will", "re": "are", "ve": "have", "m": "am", "d": "would"}


def _unleeted(word: str) -> Iterator[str]:
    choices = [_LEET.get(char, char) for char in word]
    for count, letters in enumerate(product(*choices)):
        if count == _MOST_READINGS:
            return
        yield "".join(letters)
