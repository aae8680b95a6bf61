"""Scores a text by its n-grams and the concepts in it. The weights came from elsewhere: nothing is trained here."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from duecourse.policy.tone.vocabulary import Category, Language

#: Longest n-gram of each language: of characters where words are not parted, else of words.
LONGEST: Mapping[Language, int] = {Language.ZH: 3, Language.EN: 2}
_DIGITS = re.compile(r"\d+")
_MARKS = re.compile(r"[^\w]+")
_EDGE = "|"
#: What English words end in where they differ from others of one stem; the first that leaves three letters is cut.
_ENDINGS = ("ingly", "edly", "ing", "ied", "ies", "ed", "es", "s", "ly")
_LEAST_STEM = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """One language's weights: logistic regression over features weighted by their rarity, scaled to length one."""

    language: Language
    bias: float
    weights: Mapping[str, float]
    """A feature to how much it speaks for a violation, its rarity counted in."""
    squares: Mapping[str, float]
    """A feature to the square of its rarity."""
    category_biases: Mapping[Category, float]
    category_weights: Mapping[str, tuple[float, ...]]
    """A feature to how much it speaks for each category, in the order of `category_biases`."""

    def probability(self, features: set[str]) -> float:
        """That the text violates, from 0 to 1."""
        known = [one for one in features if one in self.weights]
        score = self.bias + sum(self.weights[one] for one in known) / self._length(known)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))

    def category(self, features: set[str]) -> Category:
        """The likeliest one of a violating text."""
        known = [one for one in features if one in self.weights]
        length = self._length(known)
        scores = {
            category: bias + sum(self.category_weights[one][place] for one in known) / length
            for place, (category, bias) in enumerate(self.category_biases.items())
        }
        return max(scores, key=lambda category: scores[category])

    def _length(self, known: Iterable[str]) -> float:
        return math.sqrt(sum(self.squares[one] for one in known)) or 1.0


def n_grams(text: str, language: Language) -> set[str]:
    """The n-grams of a normal text; numbers are all alike, marks are gaps, `|` is an end of it."""
    plain = _DIGITS.sub("0", text)
    zh = language is Language.ZH
    run = [_EDGE, *(_MARKS.sub("", plain) if zh else map(_stem, _MARKS.sub(" ", plain).split())), _EDGE]
    joint = "" if zh else " "
    sizes = range(1, LONGEST[language] + 1)
    return {joint.join(run[i : i + size]) for size in sizes for i in range(len(run) - size + 1)} - {_EDGE}


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return word.removesuffix(ending)
    return word
