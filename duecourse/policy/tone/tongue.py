"""The guard for one language: its lexicon, its rules, its classifier."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

from duecourse.policy.tone.classifier import Classifier, n_grams
from duecourse.policy.tone.context import ToneContext
from duecourse.policy.tone.lexicon import Hit, Hits, Phrases, Signs
from duecourse.policy.tone.rules import Rule
from duecourse.policy.tone.sounds import Sounds
from duecourse.policy.tone.vocabulary import Category, Language, LegalStatus, OfferExpiry, Sender, Severity
from duecourse.policy.tone.words import Words

_OPPOSITE = "not_"
#: Begins a feature that is no n-gram; no normal text has it.
_CONCEPT = "\x00"
#: Concepts that only the classifier looks at; which of them meet says more than each alone.
_HINT = "hint_"
#: Marks a hint that stands at most so many characters after the beginning of a negation.
_DENIED, _REACH = "~", 40
_NEGATION, _TURN = "negation", "turn"
#: A text below this probability is not looked at any closer, unless it is so long that a sentence drowns in it.
_HARMLESS = 0.25
_LONG = {Language.ZH: 60, Language.EN: 240}
#: Shorter sentences are judged with the others only.
_LEAST_CHARACTERS = {Language.ZH: 5, Language.EN: 20}


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """What is wrong at `span` of the normal text."""

    category: Category
    rule: str
    severity: Severity
    span: Hit
    certain: bool
    """Whether the classifier may not overrule it."""


class Read(NamedTuple):
    """A normal text, where in it the lexicon's words are, and where its sentences end."""

    text: str
    hits: Hits
    breaks: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """How likely the text at `span` violates, from 0 to 1."""

    span: Hit
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """What the classifier's probabilities amount to."""

    breach: float = 1.0
    """From which on, of a whole text, its word alone is a breach."""
    sentence: float = 1.0
    """The same of a single sentence."""
    dismissal: float = 0.0
    """Below which, of the text and of the sentence in question, what the rules object to is dropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tongue:
    """`words` and `phrases` are a spaced language's, `sounds` that of one written in signs."""

    language: Language
    signs: Signs
    patterns: Sequence[tuple[str, re.Pattern[str]]]
    rules: Sequence[Rule]
    phrases: Phrases | None = None
    words: Words | None = None
    sounds: Sounds | None = None
    classifier: Classifier | None = None
    thresholds: Thresholds = Thresholds()

    def by_rules(self, hits: Hits, breaks: Sequence[int], context: ToneContext) -> Iterator[Breach]:
        """What the rules object to, of a text in which the lexicon's words were found."""
        if not hits:
            return
        for rule in self.rules:
            if rule.circumstances.hold(context):
                span = rule.match(hits, breaks)
                if span is not None:
                    yield Breach(
                        category=rule.category, rule=rule.id, severity=rule.severity, span=span, certain=rule.certain
                    )

    def hits(self, text: str) -> Hits:
        """Every concept's places in a normal text."""
        hits: Hits = {}
        self.signs.find(text, hits)
        if self.sounds:
            self.sounds.find(text, hits)
        if self.words and self.phrases:
            self.phrases.find(self.words.cut(text), hits)
        for concept, pattern in self.patterns:
            for found in pattern.finditer(text):
                hits.setdefault(concept, []).append(Hit(found.start(), found.end()))
        for concept in [name for name in hits if name.startswith(_OPPOSITE)]:
            _cancel(hits, concept.removeprefix(_OPPOSITE), hits[concept])
        return hits

    def weigh(self, breaches: Sequence[Breach], read: Read, context: ToneContext) -> list[Breach]:
        """What the classifier leaves of what the rules found, and what it adds."""
        if self.classifier is None:
            return list(breaches)
        whole = Suspicion(span=Hit(0, len(read.text)), probability=self._probability(read, Hit(0, len(read.text))))
        if whole.probability < _HARMLESS and not breaches and len(read.text) < _LONG[self.language]:
            return []
        parts = [Suspicion(span=span, probability=self._probability(read, span)) for span in self._parts(read)]
        kept = [breach for breach in breaches if breach.certain or not self._dismisses(breach, whole, parts)]
        added = None if kept else self._added(read, whole, parts)
        return [added] if added and not _is_vouched_for(added.category, context) else kept

    def _dismisses(self, breach: Breach, whole: Suspicion, parts: Sequence[Suspicion]) -> bool:
        """Whether the classifier holds the text, and every sentence that this breach is in, for harmless."""
        touched = [one for one in parts if one.span.start < breach.span.end and breach.span.start < one.span.end]
        return all(one.probability < self.thresholds.dismissal for one in (whole, *touched))

    def _added(self, read: Read, whole: Suspicion, parts: Sequence[Suspicion]) -> Breach | None:
        """What the classifier objects to: all of the text, or its likeliest sentence."""
        worst = max([whole, *parts], key=lambda one: one.probability)
        if whole.probability >= self.thresholds.breach:
            seen = whole
        elif worst.probability >= self.thresholds.sentence:
            seen = worst
        else:
            return None
        return Breach(
            category=self._category(read, seen.span),
            rule=f"model.{self.language}",
            severity=Severity.ADVISORY,
            span=worst.span,
            certain=True,
        )

    def _parts(self, read: Read) -> Iterator[Hit]:
        return (
            span
            for span in _sentences(read.text, read.breaks)
            if _is_long(read.text[span.start : span.end], self.language)
        )

    def _probability(self, read: Read, span: Hit) -> float:
        assert self.classifier is not None
        return self.classifier.probability(self.features(read.text, span, read.hits))

    def _category(self, read: Read, span: Hit) -> Category:
        assert self.classifier is not None
        return self.classifier.category(self.features(read.text, span, read.hits))

    def features(self, text: str, span: Hit, hits: Hits) -> set[str]:
        """What the classifier sees of a part of a normal text: its n-grams and the concepts that were found in it."""
        part = text[span.start : span.end]
        plain = " ".join(token.word for token in self.words.cut(part)) if self.words else part
        inside = {name: [hit for hit in found if _within(hit, span)] for name, found in hits.items()}
        names = sorted(
            _under(name, found, inside) if name.startswith(_HINT) else name for name, found in inside.items() if found
        )
        hints = [name for name in names if name.lstrip(_DENIED).startswith(_HINT)]
        pairs = {f"{_CONCEPT}{one} {other}" for one, other in combinations(hints, 2)}
        return n_grams(plain, self.language) | {f"{_CONCEPT}{name}" for name in names} | pairs


def _cancel(hits: Hits, concept: str, by: Sequence[Hit]) -> None:
    """Forget a concept's places inside a longer phrase that means the opposite."""
    found = hits.get(concept, [])
    kept = [hit for hit in found if not any(one.start <= hit.start and hit.end <= one.end for one in by)]
    if kept:
        hits[concept] = kept
    else:
        hits.pop(concept, None)


def _under(name: str, found: Sequence[Hit], hits: Hits) -> str:
    """The hint's name, marked where every place of it is denied: shortly after a negation, no turn between."""
    negations, turns = hits.get(_NEGATION, ()), hits.get(_TURN, ())
    return _DENIED + name if negations and all(_is_denied(hit, negations, turns) for hit in found) else name


def _is_denied(hit: Hit, negations: Sequence[Hit], turns: Sequence[Hit]) -> bool:
    return any(
        0 <= hit.start - one.start <= _REACH and not any(one.end <= turn.start < hit.start for turn in turns)
        for one in negations
    )


def _within(hit: Hit, span: Hit) -> bool:
    return span.start <= hit.start and hit.end <= span.end


def _sentences(text: str, breaks: Sequence[int]) -> Iterator[Hit]:
    edges = [0, *breaks, len(text)]
    for start, end in pairwise(edges):
        if 0 < end - start < len(text):
            yield Hit(start, end)


def _is_long(part: str, language: Language) -> bool:
    return sum(map(str.isalnum, part)) >= _LEAST_CHARACTERS[language]


def _is_vouched_for(category: Category, context: ToneContext) -> bool:
    if category is Category.FALSE_LEGAL_CLAIM:
        return context.legal_status in {LegalStatus.FILED, LegalStatus.JUDGMENT}
    if category is Category.IMPERSONATION:
        return context.sender in {Sender.LAW_FIRM, Sender.AUTHORITY}
    return category is Category.FALSE_URGENCY and context.offer_expiry is OfferExpiry.TRUE


def by_concept(words: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Each word to its concepts, from each concept to its words."""
    concepts: dict[str, list[str]] = {}
    for concept, found in words.items():
        for word in found:
            concepts.setdefault(word, []).append(concept)
    return {word: tuple(named) for word, named in concepts.items()}
