"""Finds the words of a lexicon in a normal text: which concept stands where."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from duecourse.policy.tone.words import Token

_WORD_END = re.compile(r"[a-z0-9]")


class Hit(NamedTuple):
    """A concept at `text[start:end]` of the normal text."""

    start: int
    end: int


Hits = dict[str, list[Hit]]


def add(hits: Hits, concepts: Iterable[str], hit: Hit) -> None:
    for concept in concepts:
        hits.setdefault(concept, []).append(hit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """Words that may stand anywhere in running text: Chinese, emoji, abbreviations."""

    by_first: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]]
    """First character to the words that begin with it and their concepts."""

    @classmethod
    def of(cls, words: Mapping[str, tuple[str, ...]]) -> "Signs":
        """`words`: a word to its concepts."""
        by_first: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for word, concepts in words.items():
            by_first[word[0]].append((word, concepts))
        return cls(by_first=dict(by_first))

    def find(self, text: str, hits: Hits) -> None:
        by_first = self.by_first
        for start, char in enumerate(text):
            for word, concepts in by_first.get(char, ()):
                if text.startswith(word, start) and _stands_alone(text, start, start + len(word)):
                    add(hits, concepts, Hit(start, start + len(word)))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Latin letters at an edge of the word must not go on: `sb` is not in `sbx`."""
    if start and _WORD_END.match(text[start]) and _WORD_END.match(text[start - 1]):
        return False
    return not (end < len(text) and _WORD_END.match(text[end - 1]) and _WORD_END.match(text[end]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrases:
    """Phrases of words: `arrest*` is any word that begins so, `_` any word."""

    by_word: Mapping[str, Sequence[tuple[tuple[str, ...], tuple[str, ...]]]]
    """First word to the phrases that begin with it and their concepts."""
    by_stem: Mapping[str, Sequence[tuple[tuple[str, ...], tuple[str, ...]]]]
    stem_lengths: tuple[int, ...]
    vocabulary: frozenset[str]
    """Every whole word of a phrase."""
    stems: frozenset[str]
    _seen: dict[str, "_Beginning"] = field(default_factory=dict)

    @classmethod
    def of(cls, phrases: Mapping[str, tuple[str, ...]]) -> "Phrases":
        """`phrases`: a phrase to its concepts."""
        by_word: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
        by_stem: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
        every: set[str] = set()
        for phrase, concepts in phrases.items():
            words = tuple(phrase.split())
            every.update(words)
            first = words[0]
            (by_stem[first[:-1]] if first.endswith("*") else by_word[first]).append((words, concepts))
        return cls(
            by_word=dict(by_word),
            by_stem=dict(by_stem),
            stem_lengths=tuple(sorted({len(stem) for stem in by_stem})),
            vocabulary=frozenset(word for word in every if not word.endswith("*")),
            stems=frozenset(word[:-1] for word in every if word.endswith("*")),
        )

    def knows(self, word: str) -> bool:
        return word in self.vocabulary or any(word[:length] in self.stems for length in range(3, len(word) + 1))

    def find(self, tokens: Sequence[Token], hits: Hits) -> None:
        last = len(tokens) - 1
        for place, token in enumerate(tokens):
            begun = self._seen.get(token.word) or self._beginning(token.word)
            if begun.alone:
                add(hits, begun.alone, Hit(token.start, token.end))
            if place < last and (begun.followed or begun.loose):
                _find_longer(begun, tokens, place, hits)

    def _beginning(self, word: str) -> "_Beginning":
        alone: list[str] = []
        followed: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
        loose: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        for words, concepts in self._begin(word):
            if len(words) == 1:
                alone.extend(concepts)
            elif words[1] == "_" or words[1].endswith("*"):
                loose.append((words, concepts))
            else:
                followed[words[1]].append((words, concepts))
        found = _Beginning(alone=tuple(alone), followed=dict(followed), loose=tuple(loose))
        if len(self._seen) < 20_000:  # noqa: PLR2004 - a bound on what strange texts make us remember
            self._seen[word] = found
        return found

    def _begin(self, word: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        yield from self.by_word.get(word, ())
        for length in self.stem_lengths:
            if length <= len(word):
                yield from self.by_stem.get(word[:length], ())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Beginning:
    """What may begin with one word: concepts it has alone, phrases by their second word, and those open as to it."""

    alone: tuple[str, ...]
    followed: Mapping[str, Sequence[tuple[tuple[str, ...], tuple[str, ...]]]]
    loose: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]


def _find_longer(begun: _Beginning, tokens: Sequence[Token], place: int, hits: Hits) -> None:
    for words, concepts in (*begun.followed.get(tokens[place + 1].word, ()), *begun.loose):
        if _goes_on(words, tokens, place):
            add(hits, concepts, Hit(tokens[place].start, tokens[place + len(words) - 1].end))


def _goes_on(words: Sequence[str], tokens: Sequence[Token], place: int) -> bool:
    return place + len(words) <= len(tokens) and all(
        _same(words[ahead], tokens[place + ahead].word) for ahead in range(1, len(words))
    )


def _same(want: str, word: str) -> bool:
    if want in {word, "_"}:
        return True
    return want.endswith("*") and word.startswith(want[:-1])
