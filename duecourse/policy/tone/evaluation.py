"""How well the guard does on labelled texts: precision and recall per language and category."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from duecourse.policy.tone.context import ToneContext
from duecourse.policy.tone.guard import ToneGuard
from duecourse.policy.tone.vocabulary import Category

ALL = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A text and what people say of it. `category` is None where it is compliant."""

    id: str
    language: str
    text: str
    context: ToneContext
    category: Category | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    sample: Sample
    found: frozenset[Category]


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryScore:
    """One category in one language. Shares are None where there is nothing to divide by."""

    language: str
    category: Category
    texts: int
    flagged: float | None
    """Of the texts of this category, how many were flagged at all: what keeps them from leaving."""
    recall: float | None
    """How many were flagged as this category."""
    precision: float | None
    """Of the texts that were flagged as this category, how many are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageScore:
    """One language, or all: violations that were flagged at all, and compliant texts that were."""

    language: str
    violations: int
    recall: float | None
    compliant: int
    compliant_flagged: float | None
    precision: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    languages: tuple[LanguageScore, ...]
    categories: tuple[CategoryScore, ...]
    missed: tuple[str, ...]
    """Ids of violations that were not flagged."""
    wrongly_flagged: tuple[str, ...]
    """Ids of compliant texts that were."""


def evaluate(samples: Iterable[Sample], guard: ToneGuard) -> Evaluation:
    """Judge every sample. The last of `languages` is all together."""
    judged = [Judged(sample=s, found=frozenset(f.category for f in guard.lint(s.text, s.context))) for s in samples]
    languages = sorted({one.sample.language for one in judged})
    return Evaluation(
        languages=tuple(_language(name, judged) for name in [*languages, ALL]),
        categories=tuple(score for name in [*languages, ALL] for score in _categories(name, judged)),
        missed=tuple(one.sample.id for one in judged if one.sample.category and not one.found),
        wrongly_flagged=tuple(one.sample.id for one in judged if not one.sample.category and one.found),
    )


def _language(name: str, judged: Sequence[Judged]) -> LanguageScore:
    mine = [one for one in judged if name in {ALL, one.sample.language}]
    violations = [one for one in mine if one.sample.category]
    compliant = [one for one in mine if not one.sample.category]
    flagged = sum(bool(one.found) for one in violations)
    wrongly = sum(bool(one.found) for one in compliant)
    return LanguageScore(
        language=name,
        violations=len(violations),
        recall=_share(flagged, len(violations)),
        compliant=len(compliant),
        compliant_flagged=_share(wrongly, len(compliant)),
        precision=_share(flagged, flagged + wrongly),
    )


def _categories(name: str, judged: Sequence[Judged]) -> Iterator[CategoryScore]:
    mine = [one for one in judged if name in {ALL, one.sample.language}]
    for category in Category:
        texts = [one for one in mine if one.sample.category is category]
        named = [one for one in mine if category in one.found]
        right = sum(category in one.found for one in texts)
        yield CategoryScore(
            language=name,
            category=category,
            texts=len(texts),
            flagged=_share(sum(bool(one.found) for one in texts), len(texts)),
            recall=_share(right, len(texts)),
            precision=_share(right, len(named)),
        )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
