"""What a reply asks for: exact words first, then phrases, with what only looks like a demand taken out before.

The words are data (`config/inbound/`), one file per language, and every text is read in all of them: who writes to a
French borrower's phone may well do so in English. The widest scope that was understood counts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from duecourse.domain.demand import Intent, Meaning
from duecourse.policy.plain_text import Plain, plain

Pattern = re.Pattern[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Keywords:
    """Words that are a whole message."""

    meaning: Meaning
    words: frozenset[str]
    """In compact form."""
    readers: frozenset[str] = frozenset()
    """Languages whose readers surely mean it; from others it is a question. Empty: everybody's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrases:
    """Patterns of which one, anywhere in a message, is enough."""

    meaning: Meaning
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """One file's words, in the form that `plain` gives texts."""

    code: str
    spaced: bool
    """Spaces part its words. Where they do not, they are left out before phrases are looked for."""
    fillers: frozenset[str]
    """Words around a keyword that change nothing."""
    keywords: tuple[Keywords, ...]
    phrases: tuple[Phrases, ...]
    masks: tuple[Pattern, ...] = ()
    """What reads like a demand and is none: taken out before phrases are looked for."""
    limits: tuple[Pattern, ...] = ()
    """What narrows a demand to hours, places or people: beside one of these a phrase is a question."""
    folds: Mapping[int, str] = field(default_factory=dict)
    """Characters that are others' variants, as `str.translate` takes them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    languages: tuple[Language, ...]

    def understand(self, text: str, locale: str = "") -> Meaning | None:
        """What the text asks for; None where it asks for neither. Pure and total.

        Args:
            text: as it was received.
            locale: the reader's, which decides about single letters that mean something in one language only.
        """
        form, reader = plain(text), locale.replace("_", "-").split("-")[0].lower()
        found = [meaning for language in self.languages for meaning in _heard(language, form, reader)]
        stops = [meaning for meaning in found if meaning.intent is Intent.STOP]
        if not stops:
            return next(iter(found), None)
        widest = max(stops, key=lambda meaning: (meaning.scope.width, meaning.sure))
        return _as(widest, sure=any(meaning.sure for meaning in stops))


def _heard(language: Language, form: Plain, reader: str) -> Iterator[Meaning]:
    for keywords in language.keywords:
        if _says_only(language, form, keywords):
            certain = not keywords.readers or reader in keywords.readers
            yield _as(keywords.meaning, sure=keywords.meaning.sure and certain)
    line = f"; {form.line} ;" if language.spaced else form.line.replace(" ", "")
    line = line.translate(language.folds)
    for mask in language.masks:
        line = mask.sub(" ", line)
    limited = _holds(language.limits, line)
    for phrases in language.phrases:
        if _holds(phrases.patterns, line):
            yield _as(phrases.meaning, sure=phrases.meaning.sure and not limited)


def _holds(patterns: Iterable[Pattern], line: str) -> bool:
    return any(pattern.search(line) for pattern in patterns)


def _says_only(language: Language, form: Plain, keywords: Keywords) -> bool:
    compact = form.compact.translate(language.folds)
    if compact in keywords.words:
        return True
    # Courtesies may surround what takes a stop back no more than anything else may.
    if keywords.meaning.intent is Intent.START:
        return False
    rest = _without_fillers(language, form, compact)
    return len(rest) > 1 and rest in keywords.words


def _without_fillers(language: Language, form: Plain, compact: str) -> str:
    if language.spaced:
        return "".join(word for word in form.line.split() if word not in language.fillers and word not in ";?")
    return _trimmed(compact, tuple(sorted(language.fillers, key=len, reverse=True)))


def _trimmed(text: str, fillers: Sequence[str]) -> str:
    while text:
        head = next((word for word in fillers if text.startswith(word)), "")
        tail = next((word for word in fillers if text.endswith(word)), "")
        if not head and not tail:
            return text
        text = text.removeprefix(head)
        text = text.removesuffix(tail)
    return text


def _as(meaning: Meaning, *, sure: bool) -> Meaning:
    return Meaning(intent=meaning.intent, scope=meaning.scope, sure=sure, rule=meaning.rule)
