"""Trains the tone guard's classifier, writes config/tone/weights.json: `make tone-model`. Same in, same out."""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import normalize

from duecourse.policy.tone import Category, ToneGuard
from duecourse.policy.tone.lexicon import Hit
from duecourse.policy.tone.tongue import Tongue
from duecourse.policy.tone.vocabulary import Language
from duecourse.settings.tone import load_untrained
from training.tone.texts import CONFIG, HERE, Example, made_from, read_texts

SEED = 20261123
#: A feature of fewer lines is chance: the variants of one line say nothing of the next.
LEAST_LINES = 2
STRENGTH = 20.0
#: A line of n variants counts as n to this power: more than one text, less than n.
SHARE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Lessons:
    """One language's training texts as numbers: `rarity[i]` is that of `names[i]`."""

    names: Sequence[str]
    rarity: Any
    features: Any
    shares: Any
    violating: Any
    categories: Any
    lines: Any


def train(language: Language) -> dict[str, Any]:
    """One language's weights, in thousandths."""
    lessons = _lessons(read_texts(HERE / f"{language.value}.txt", seed=SEED), language)
    _report(language, lessons)
    judge = _regression().fit(lessons.features, lessons.violating, lessons.shares)
    bad = lessons.violating
    sorter = _regression().fit(lessons.features[bad], lessons.categories[bad], lessons.shares[bad])
    order = [list(sorter.classes_).index(category.value) for category in Category]
    rows = np.vstack([judge.coef_, sorter.coef_[order]]) * lessons.rarity
    thousandths = np.rint(np.vstack([lessons.rarity, rows]).T * 1000).astype(int)
    intercepts = [round(float(sorter.intercept_[at]) * 1000) for at in order]
    return {
        "bias": round(float(judge.intercept_[0]) * 1000),
        "categories": dict(zip([category.value for category in Category], intercepts, strict=True)),
        "grams": {name: row.tolist() for name, row in zip(lessons.names, thousandths, strict=True)},
    }


def _lessons(examples: list[Example], language: Language) -> Lessons:
    guard = load_untrained(CONFIG)
    seen = [_seen(guard, guard.tongues[language], example.text) for example in examples]
    lines = np.array([example.line for example in examples])
    of_line = Counter(lines.tolist())
    names = _names(seen, lines.tolist())
    there = CountVectorizer(analyzer=sorted, vocabulary=names, binary=True).transform(seen).astype(float)
    evenly = np.array([1 / of_line[line] for line in lines.tolist()])
    rarity = np.maximum(np.log(len(of_line) / (evenly @ there + 0.5)), 0.05)
    return Lessons(
        names=names,
        rarity=rarity,
        features=normalize(there.multiply(rarity).tocsr()),
        shares=evenly ** (1 - SHARE),
        violating=np.array([example.category != "compliant" for example in examples]),
        categories=np.array([example.category for example in examples]),
        lines=lines,
    )


def _names(seen: Sequence[set[str]], lines: Sequence[int]) -> list[str]:
    """The features of enough lines, sorted."""
    where: dict[str, set[int]] = defaultdict(set)
    for features, line in zip(seen, lines, strict=True):
        for feature in features:
            where[feature].add(line)
    return sorted(feature for feature, found in where.items() if len(found) >= LEAST_LINES)


def _seen(guard: ToneGuard, tongue: Tongue, text: str) -> set[str]:
    normal = guard.folding.normal(text).text
    return tongue.features(normal, Hit(0, len(normal)), tongue.hits(normal))


def _regression() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=3000, class_weight="balanced", random_state=SEED)


def _report(language: Language, lessons: Lessons) -> None:
    """How well whole lines that were left out are told apart, each line counted once, to standard error."""
    guessed = cross_val_predict(
        _regression(),
        lessons.features,
        lessons.violating,
        groups=lessons.lines,
        cv=GroupKFold(5),
        method="predict_proba",
        params={"sample_weight": lessons.shares},
    )[:, 1]
    bad, once = lessons.violating, lessons.shares ** (1 / (1 - SHARE))
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9):
        caught = np.average(guessed[bad] >= threshold, weights=once[bad])
        flagged = np.average(guessed[~bad] >= threshold, weights=once[~bad])
        sys.stderr.write(f"{language} from {threshold}: {caught:.3f} of violations, {flagged:.3f} of compliant texts\n")
    texts, lines = len(bad), len(set(lessons.lines.tolist()))
    sys.stderr.write(f"{language}: {texts} texts of {lines} lines, {int(bad.sum())} violating\n")


def write() -> None:
    found: dict[str, Any] = {language.value: train(language) for language in Language}
    found["made_from"] = made_from()
    place = CONFIG / "tone" / "weights.json"
    place.write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    write()
