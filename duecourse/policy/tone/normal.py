"""Undoes disguise: full-width forms, look-alikes, traditional characters, hidden characters, symbols and gaps in words.

Every character of the outcome knows where in the original it came from.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
#: Between two Chinese characters, everything but sentence marks, brackets and quotes is decoration.
_DECORATION = re.compile(rf"(?<=[{_HAN}])[^\w。！？!?；;，,、：:…\n【】\[\]（）()<>《》“”\"'‘’]+(?=[{_HAN}])")
#: Three or more single characters with a mark after each: a word in slow motion.
_SLOW = re.compile(rf"(?:[{_HAN}][，,、.：:…~|/\\_*-]){{3,}}[{_HAN}]")
#: The same in letters: `k i l l`, `j.a.i.l`.
_SPACED = re.compile(r"(?<![a-z0-9])(?:[a-z0-9@$!][ ._*|-]){3,}[a-z0-9@$!](?![a-z0-9])")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"})
_SOLID = re.compile(rf"[{_HAN}a-z0-9@$!]")
_KEPT_CONTROLS = "\n\r\t"


@dataclass(frozen=True, kw_only=True, slots=True)
class Normal:
    """A text without disguise. `starts[i]` and `ends[i]` bound the original of character `i`."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original; `start < end`."""
        return self.starts[start], max(self.ends[start:end])


class Folding:
    """Single characters to what is meant by them; remembers every character that it has seen."""

    def __init__(self, replaced: Mapping[str, str], kept: frozenset[str]) -> None:
        self._known = dict(replaced)
        self._kept = kept

    def normal(self, text: str) -> Normal:
        folded: list[str] = []
        starts: list[int] = []
        known = self._known
        for place, char in enumerate(text):
            piece = known.get(char)
            if piece is None:
                piece = self._learn(char)
            for one in piece:
                folded.append(one)
                starts.append(place)
        plain = "".join(folded)
        dropped = self._decoration(plain)
        if dropped:
            stay = [index for index in range(len(plain)) if index not in dropped]
            plain, starts = "".join(plain[index] for index in stay), [starts[index] for index in stay]
        return Normal(text=plain, starts=tuple(starts), ends=tuple(start + 1 for start in starts))

    def _learn(self, char: str) -> str:
        folded = unicodedata.normalize("NFKC", char).casefold()
        parts = unicodedata.normalize("NFKD", folded) if folded.isalpha() and ord(folded[0]) < 0x250 else folded  # noqa: PLR2004 - Latin
        piece = "".join(self._known.get(one, one) for one in parts if _shows(one))
        if len(self._known) < 50_000:  # noqa: PLR2004 - a bound on what strange texts make us remember
            self._known[char] = piece
        return piece

    def _decoration(self, plain: str) -> set[int]:
        dropped: set[int] = set()
        for found in _DECORATION.finditer(plain):
            dropped.update(i for i in range(found.start(), found.end()) if plain[i] not in self._kept)
        for shape in (_SLOW, _SPACED):
            for found in shape.finditer(plain):
                dropped.update(i for i in range(found.start(), found.end()) if not _SOLID.match(plain[i]))
        return dropped


def _shows(char: str) -> bool:
    return char in _KEPT_CONTROLS or unicodedata.category(char) not in _HIDDEN
