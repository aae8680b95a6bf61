"""Scores a text by its n-grams and the concepts in it. The weights came from elsewhere: nothing is trained here."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from duecourse.policy.tone.vocabulary import Category, Language

#: Shortest and longest n-grams of each language.
LENGTHS: Mapping[Language, tuple[int, int]] = {Language.ZH: (1, 3), Language.EN: (3, 5)}
_DIGITS = re.compile(r"\d+")
_MARKS = re.compile(r"[^\w]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """One language's weights: logistic regression over features that are there or not, scaled to length one."""

    language: Language
    bias: float
    weights: Mapping[str, float]
    """A feature to how much it speaks for a violation."""
    category_biases: Mapping[Category, float]
    category_weights: Mapping[str, tuple[float, ...]]
    """A feature to how much it speaks for each category, in the order of `category_biases`."""

    def probability(self, features: set[str]) -> float:
        """That the text violates, from 0 to 1."""
        known = [self.weights[one] for one in features if one in self.weights]
        score = self.bias + (sum(known) / math.sqrt(len(known)) if known else 0.0)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))

    def category(self, features: set[str]) -> Category:
        """The likeliest one of a violating text."""
        known = [self.category_weights[one] for one in features if one in self.category_weights]
        scale = math.sqrt(len(known)) or 1.0
        scores = {
            category: bias + sum(weights[place] for weights in known) / scale
            for place, (category, bias) in enumerate(self.category_biases.items())
        }
        return max(scores, key=lambda category: scores[category])


def n_grams(text: str, language: Language) -> set[str]:
    """The n-grams of a normal text; numbers are all alike, marks are gaps."""
    shortest, longest = LENGTHS[language]
    gap = "" if language is Language.ZH else " "
    plain = f" {_MARKS.sub(gap, _DIGITS.sub('0', text)).strip()} "
    end = len(plain)
    return {plain[i : i + size] for size in range(shortest, longest + 1) for i in range(end - size + 1)}
