"""The guard for one language: its lexicon, its rules, its classifier."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
#: What the whole text must come to where one sentence of it is objected to.
_LEAST_OF_ALL = 0.6
#: Shorter sentences are judged with the others only.
_LEAST_CHARACTERS = {Language.ZH: 5, Language.EN: 14}


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """What is wrong at `span` of the normal text."""

    category: Category
    rule: str
    severity: Severity
    span: Hit


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
    from_probability: float = 1.0
    """Of the classifier, from which on its word alone is a breach."""

    def by_rules(self, hits: Hits, breaks: Sequence[int], context: ToneContext) -> Iterator[Breach]:
        """What the rules object to, of a text in which the lexicon's words were found."""
        if not hits:
            return
        for rule in self.rules:
            if rule.circumstances.hold(context):
                span = rule.match(hits, breaks)
                if span is not None:
                    yield Breach(category=rule.category, rule=rule.id, severity=rule.severity, span=span)

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

    def by_classifier(self, text: str, hits: Hits, breaks: Sequence[int], context: ToneContext) -> Breach | None:
        """What the classifier alone objects to: the likeliest sentence, or all of the text."""
        if self.classifier is None:
            return None
        whole = Hit(0, len(text))
        of_all = self.classifier.probability(self.features(text, whole, hits))
        if of_all < _LEAST_OF_ALL:
            return None
        parts = [span for span in _sentences(text, breaks) if _is_long(span, self.language)]
        scored = [(self.classifier.probability(self.features(text, span, hits)), span) for span in parts]
        probability, span = max([(of_all, whole), *scored], key=lambda one: one[0])
        if probability < self.from_probability:
            return None
        category = self.classifier.category(self.features(text, span, hits))
        if _is_vouched_for(category, context):
            return None
        return Breach(category=category, rule=f"model.{self.language}", severity=Severity.ADVISORY, span=span)

    def features(self, text: str, span: Hit, hits: Hits) -> set[str]:
        """What the classifier sees of a part of a normal text: its n-grams and the concepts that were found in it."""
        part = text[span.start : span.end]
        plain = " ".join(token.word for token in self.words.cut(part)) if self.words else part
        inside = {f"{_CONCEPT}{name}" for name, found in hits.items() if any(_within(hit, span) for hit in found)}
        return n_grams(plain, self.language) | inside


def _cancel(hits: Hits, concept: str, by: Sequence[Hit]) -> None:
    """Forget a concept's places inside a longer phrase that means the opposite."""
    found = hits.get(concept, [])
    kept = [hit for hit in found if not any(one.start <= hit.start and hit.end <= one.end for one in by)]
    if kept:
        hits[concept] = kept
    else:
        hits.pop(concept, None)


def _within(hit: Hit, span: Hit) -> bool:
    return span.start <= hit.start and hit.end <= span.end


def _sentences(text: str, breaks: Sequence[int]) -> Iterator[Hit]:
    edges = [0, *breaks, len(text)]
    for start, end in pairwise(edges):
        if 0 < end - start < len(text):
            yield Hit(start, end)


def _is_long(span: Hit, language: Language) -> bool:
    return span.end - span.start >= _LEAST_CHARACTERS[language]


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
