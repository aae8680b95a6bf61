"""Finds Chinese words by their sound: homophones, pinyin, or half of each."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from duecourse.policy.tone.lexicon import Hit, Hits, add

_LATIN = re.compile(r"[a-zü]+")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LONGEST_SYLLABLE = 6
_LEAST_SPOKEN = 4
_PINYIN_PART = 0.8
_SURE = 3
"""Syllables from which on a word written in none of its own characters is still that word."""


class _Sound(NamedTuple):
    syllable: str
    start: int
    end: int


def _is_pinyin(sounds: Sequence[_Sound]) -> bool:
    """Whether letters alone are Chinese: English words that happen to be syllables are few among others."""
    spoken = sum(1 for sound in sounds if sound.syllable)
    return spoken >= _LEAST_SPOKEN and spoken >= _PINYIN_PART * len(sounds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sounds:
    """Words by their syllables without tones."""

    syllable_of: Mapping[str, str]
    """A character to its commonest reading."""
    by_first: Mapping[str, Sequence[tuple[tuple[str, ...], str, tuple[str, ...]]]]
    """First syllable to the syllables, the word and its concepts."""
    never: frozenset[str]
    """What sounds like a word and is another."""
    spelled: frozenset[str]
    """Words whose sound is too common: only with letters among them."""
    syllables: frozenset[str]
    _cut: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        words: Mapping[str, tuple[str, ...]],
        syllable_of: Mapping[str, str],
        *,
        never: frozenset[str],
        spelled: frozenset[str],
    ) -> "Sounds":
        """`words`: a word to its concepts; each of its characters has a reading."""
        by_first: dict[str, list[tuple[tuple[str, ...], str, tuple[str, ...]]]] = defaultdict(list)
        for word, concepts in words.items():
            spoken = tuple(syllable_of[char] for char in word)
            by_first[spoken[0]].append((spoken, word, concepts))
        known = frozenset(syllable_of.values())
        return cls(syllable_of=syllable_of, by_first=dict(by_first), never=never, spelled=spelled, syllables=known)

    def find(self, text: str, hits: Hits) -> None:
        sounds = self._listen(text)
        spelled = _HAN.search(text) is None
        if spelled and not _is_pinyin(sounds):
            return
        for place, sound in enumerate(sounds):
            for spoken, word, concepts in self.by_first.get(sound.syllable, ()):
                run = sounds[place : place + len(spoken)]
                if tuple(one.syllable for one in run) == spoken and self._means(text, run, word):
                    add(hits, concepts, Hit(run[0].start, run[-1].end))

    def _means(self, text: str, run: Sequence[_Sound], word: str) -> bool:
        """Whether this is the word and not another that sounds alike; the word itself is found by its writing."""
        written = [text[sound.start : sound.end] for sound in run]
        if any(after.start - before.end > 1 for before, after in pairwise(run)):
            return False
        plain = "".join(written)
        if plain == word or plain in self.never:
            return False
        own = sum(piece == char for piece, char in zip(written, word, strict=True))
        latin = sum(len(piece) > 1 or piece.isascii() for piece in written)
        if not latin and word in self.spelled:
            return False
        return own + latin > 0 or len(word) >= _SURE

    def _listen(self, text: str) -> list[_Sound]:
        sounds: list[_Sound] = []
        latin_until = 0
        for place, char in enumerate(text):
            if place < latin_until:
                continue
            syllable = self.syllable_of.get(char)
            if syllable is not None:
                sounds.append(_Sound(syllable, place, place + 1))
            elif char.isascii() and char.isalpha():
                run = _LATIN.match(text, place)
                latin_until = run.end() if run else place + 1
                sounds.extend(self._spell(text[place:latin_until], place))
            elif not char.isspace():
                sounds.append(_Sound("", place, place + 1))
        return sounds

    def _spell(self, run: str, start: int) -> list[_Sound]:
        """The syllables of a run of letters; one empty sound where it is no pinyin."""
        parts = self._cut.get(run)
        if parts is None:
            parts = self._split(run)
            if len(self._cut) < 20_000:  # noqa: PLR2004 - a bound on what strange texts make us remember
                self._cut[run] = parts
        if not parts:
            return [_Sound("", start, start + len(run))]
        sounds = []
        for part in parts:
            sounds.append(_Sound(part, start, start + len(part)))
            start += len(part)
        return sounds

    def _split(self, run: str) -> tuple[str, ...]:
        """The longest syllables first; empty where some letters are left over."""
        best: list[tuple[str, ...] | None] = [()] + [None] * len(run)
        for end in range(1, len(run) + 1):
            for start in range(max(0, end - _LONGEST_SYLLABLE), end):
                before, part = best[start], run[start:end]
                if before is not None and part in self.syllables:
                    best[end] = (*before, part)
                    break
        return best[-1] or ()
