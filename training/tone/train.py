"""Trains the tone guard's classifier, writes config/tone/weights.json: `make tone-model`. Same in, same out."""

import json
import sys
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
#: An n-gram of fewer texts is chance.
LEAST_TEXTS = 3
#: Weights below this, in thousandths, say nothing.
LEAST_WEIGHT = 25
STRENGTH = 8.0


def train(language: Language) -> dict[str, Any]:
    """One language's weights, in thousandths."""
    examples = read_texts(HERE / f"{language.value}.txt", seed=SEED)
    vectorizer, features = _features(examples, language)
    violating = np.array([example.category != "compliant" for example in examples])
    _report(language, features, violating, examples)
    judge = _regression().fit(features, violating)
    names = [category.value for category in Category]
    sorter = _regression().fit(
        features[violating], [example.category for example in examples if example.category in names]
    )
    order = [list(sorter.classes_).index(name) for name in names]
    rows = np.vstack([judge.coef_, sorter.coef_[order]]).T
    thousandths = np.rint(rows * 1000).astype(int)
    grams = vectorizer.get_feature_names_out()
    return {
        "bias": round(float(judge.intercept_[0]) * 1000),
        "categories": {name: round(float(sorter.intercept_[at]) * 1000) for name, at in zip(names, order, strict=True)},
        "grams": {
            gram: row.tolist()
            for gram, row in sorted(zip(grams, thousandths, strict=True), key=lambda one: one[0])
            if abs(row[0]) >= LEAST_WEIGHT
        },
    }


def _features(examples: list[Example], language: Language) -> tuple[CountVectorizer, Any]:
    guard = load_untrained(CONFIG)
    tongue = guard.tongues[language]
    vectorizer = CountVectorizer(
        analyzer=lambda text: sorted(_seen(guard, tongue, text)), binary=True, min_df=LEAST_TEXTS
    )
    counts = vectorizer.fit_transform([example.text for example in examples])
    return vectorizer, normalize(counts.astype(float))


def _seen(guard: ToneGuard, tongue: Tongue, text: str) -> set[str]:
    normal = guard.folding.normal(text).text
    return tongue.features(normal, Hit(0, len(normal)), tongue.hits(normal))


def _regression() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=2000, class_weight="balanced", random_state=SEED)


def _report(language: Language, features: Any, violating: Any, examples: list[Example]) -> None:
    """How well whole lines that were left out are told apart, to standard error."""
    lines = [example.line for example in examples]
    guessed = cross_val_predict(
        _regression(), features, violating, groups=lines, cv=GroupKFold(5), method="predict_proba"
    )[:, 1]
    for threshold in (0.5, 0.7, 0.8, 0.9):
        caught = float((guessed[violating] >= threshold).mean())
        flagged = float((guessed[~violating] >= threshold).mean())
        sys.stderr.write(f"{language} from {threshold}: {caught:.3f} of violations, {flagged:.3f} of compliant texts\n")
    sys.stderr.write(
        f"{language}: {len(examples)} texts of {len(set(lines))} lines, {int(violating.sum())} violating\n"
    )


def write() -> None:
    found: dict[str, Any] = {language.value: train(language) for language in Language}
    found["made_from"] = made_from()
    place = CONFIG / "tone" / "weights.json"
    place.write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    write()
