"""The tone guard: a text and its context in, what is wrong with it out. Pure and total over any text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from duecourse.policy.tone.context import ToneContext
from duecourse.policy.tone.finding import Finding
from duecourse.policy.tone.normal import Folding, Normal
from duecourse.policy.tone.tongue import Breach, Read, Tongue
from duecourse.policy.tone.vocabulary import Category, Language, Severity

_SENTENCE_END = re.compile(r"[。！？!?；;\n]+|\.(?=\s|$)")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LETTERS = re.compile(r"[a-z]+")
#: A language with less of this in a text has no say by its classifier.
_LEAST_SIGNS, _LEAST_WORDS = 4, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ToneGuard:
    """Judges texts by the lexicon, rules and weights that it was given."""

    folding: Folding
    tongues: Mapping[Language, Tongue]
    suggestions: Mapping[Category, Mapping[Language, str]]

    def lint(self, text: str, context: ToneContext) -> tuple[Finding, ...]:
        """What is wrong, in the order of the text; one finding per category. Empty: nothing.

        Where words of two languages break the same rule, the graver and earlier finding stands.
        """
        normal = self.folding.normal(text)
        breaks = [found.end() for found in _SENTENCE_END.finditer(normal.text)]
        hits = {language: tongue.hits(normal.text) for language, tongue in self.tongues.items()}
        breaches = [
            breach
            for language, tongue in self.tongues.items()
            for breach in tongue.by_rules(hits[language], breaks, context)
        ]
        language = main_language(normal.text)
        if language:
            tongue = self.tongues[language]
            breaches = tongue.weigh(breaches, Read(normal.text, hits[language], breaks), context)
        return self._findings(breaches, normal, language or Language.EN)

    def _findings(self, breaches: Iterable[Breach], normal: Normal, language: Language) -> tuple[Finding, ...]:
        worst: dict[Category, Breach] = {}
        for breach in sorted(breaches, key=lambda one: (one.severity is Severity.ADVISORY, one.span.start)):
            worst.setdefault(breach.category, breach)
        found = [
            Finding(
                category=breach.category,
                rule=breach.rule,
                severity=breach.severity,
                start=start,
                end=end,
                suggestion=self.suggestions[breach.category][language],
            )
            for breach in worst.values()
            for start, end in [normal.span(breach.span.start, breach.span.end)]
        ]
        return tuple(sorted(found, key=lambda one: (one.start, one.end)))


def main_language(text: str) -> Language | None:
    """What a normal text is written in; None where there is too little of either to say."""
    signs = len(_HAN.findall(text))
    words = len(_LETTERS.findall(text))
    if signs >= _LEAST_SIGNS and signs >= words:
        return Language.ZH
    return Language.EN if words >= _LEAST_WORDS else None
