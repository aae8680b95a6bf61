"""What `config/tone/` says, as a guard. Pure: the files' content comes in, every complaint names file and key."""

import re
from collections.abc import Mapping, Sequence

from duecourse.domain.table import Table
from duecourse.policy.tone.classifier import Classifier
from duecourse.policy.tone.guard import ToneGuard
from duecourse.policy.tone.lexicon import Phrases, Signs
from duecourse.policy.tone.normal import Folding
from duecourse.policy.tone.rules import Circumstances, Rule
from duecourse.policy.tone.sounds import Sounds
from duecourse.policy.tone.tongue import Thresholds, Tongue, by_concept
from duecourse.policy.tone.vocabulary import (
    Category,
    Language,
    LegalStatus,
    OfferExpiry,
    Recipient,
    Scope,
    Sender,
    Severity,
    ToneChannel,
)
from duecourse.policy.tone.words import Words

_FURTHEST = 100_000
_RULE_ID = re.compile(r"[a-z]+(?:[._][a-z0-9]+)+")
_LETTERS = re.compile(r"[\x00-\x7f]+")
#: Words of these concepts are also found under a mask: `sh*t`.
_MASKED = ("insult", "insult_strong", "arrest")


class Characters:
    """`characters.toml`: what a character stands for, and how it is read."""

    def __init__(self, table: Table) -> None:
        self.replaced = _aligned(table, "look_alike") | _aligned(table, "traditional")
        readings = table.mapping("readings")
        self.syllable_of = {char: syllable for syllable, chars in readings.items() for char in chars}
        table.finish()


def read_guard(
    shared: Table, characters: Table, lexicons: Mapping[Language, Table], weights: Mapping[Language, Classifier]
) -> ToneGuard:
    """The guard.

    Raises:
        ConfigError: names the file and the key.
    """
    drawn = Characters(characters)
    model = shared.table("model")
    tongues = {
        language: _tongue(
            language,
            table,
            drawn=drawn,
            classifier=weights.get(language),
            thresholds=_thresholds(model.table(language.value)),
        )
        for language, table in lexicons.items()
    }
    signs = {char for tongue in tongues.values() for char in tongue.signs.by_first if not char.isalnum()}
    return ToneGuard(
        folding=Folding(drawn.replaced, frozenset(signs)), tongues=tongues, suggestions=_suggestions(shared)
    )


def _thresholds(table: Table) -> Thresholds:
    return Thresholds(
        breach=table.number("breach", low=0.5, high=1.0),
        sentence=table.number("sentence", low=0.5, high=1.0),
        dismissal=table.number("dismissal", low=0.0, high=0.5),
    )


def _suggestions(shared: Table) -> dict[Category, dict[Language, str]]:
    table = shared.table("suggestions")
    return {
        category: {language: table.table(category.value).text(language.value) for language in Language}
        for category in Category
    }


def _tongue(
    language: Language, table: Table, *, drawn: Characters, classifier: Classifier | None, thresholds: Thresholds
) -> Tongue:
    concepts = {name: _listed(table.table("words"), name) for name in table.mapping("words")}
    patterns = _patterns(table)
    known = frozenset(concepts) | {name for name, _ in patterns}
    rules = tuple(_rule(below, known) for below in table.tables("rule"))
    spaced = language is Language.EN
    running = {name: [w for w in words if not (spaced and _is_letters(w))] for name, words in concepts.items()}
    phrases = Phrases.of(by_concept({name: [w for w in words if _is_letters(w)] for name, words in concepts.items()}))
    tongue = Tongue(
        language=language,
        signs=Signs.of(by_concept(running)),
        patterns=patterns,
        rules=rules,
        phrases=phrases if spaced else None,
        words=Words(_contractions(table), phrases.knows, _masked(concepts)) if spaced else None,
        sounds=None if spaced else _sounds(table, by_concept(concepts), drawn),
        classifier=classifier,
        thresholds=thresholds,
    )
    table.finish()
    return tongue


def _is_letters(word: str) -> bool:
    return _LETTERS.fullmatch(word) is not None


def _masked(concepts: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    words = {word.rstrip("*") for concept in _MASKED for word in concepts.get(concept, ())}
    return tuple(sorted(word for word in words if word.isalpha() and word.isascii()))


def _listed(table: Table, key: str) -> list[str]:
    """Words parted by commas, in the form that texts are brought into."""
    words = [" ".join(word.split()).casefold() for word in table.text(key).split(",")]
    if "" in words[:-1]:
        raise table.error(key, "has nothing between two commas")
    return list(dict.fromkeys(word for word in words if word))


def _contractions(table: Table) -> dict[str, tuple[str, ...]]:
    below = table.table("contractions")
    return {name: tuple(below.text(name).split()) for name in table.mapping("contractions")}


def _sounds(table: Table, words: Mapping[str, tuple[str, ...]], drawn: Characters) -> Sounds:
    chosen = {}
    for key in ("sounds", "spelled"):
        for word in _listed(table, key):
            if word not in words:
                raise table.error(key, f"{word!r} is in no list of words")
            if mute := [char for char in word if char not in drawn.syllable_of]:
                raise table.error(key, f"{word!r}: no reading is known of {mute[0]!r}")
            chosen[word] = words[word]
    never, spelled = frozenset(_listed(table, "not_sounds")), frozenset(_listed(table, "spelled"))
    return Sounds.of(chosen, drawn.syllable_of, never=never, spelled=spelled)


def _patterns(table: Table) -> tuple[tuple[str, re.Pattern[str]], ...]:
    below = table.table("patterns")
    found = []
    for name in table.mapping("patterns"):
        try:
            found.append((name, re.compile(below.text(name))))
        except re.error as exc:
            raise below.error(name, f"is no regular expression: {exc}") from exc
    return tuple(found)


def _rule(table: Table, known: frozenset[str]) -> Rule:
    rule = Rule(
        id=table.text("id"),
        category=table.choice("category", Category),
        severity=table.choice("severity", Severity, Severity.BLOCKING),
        every=tuple(_concepts(table, "all", group.split("|"), known) for group in table.texts("all")),
        unless=_concepts(table, "unless", table.texts("unless", ()), known),
        within=table.whole("within", _FURTHEST, low=1, high=_FURTHEST),
        scope=table.choice("scope", Scope, Scope.SENTENCE),
        certain=table.flag("certain", default=False),
        circumstances=Circumstances(
            recipient=frozenset(table.choices("recipient", Recipient, ())),
            channel=frozenset(table.choices("channel", ToneChannel, ())),
            legal_status=frozenset(table.choices("legal_status", LegalStatus, ())),
            sender=frozenset(table.choices("sender", Sender, ())),
            offer_expiry=frozenset(table.choices("offer_expiry", OfferExpiry, ())),
        ),
    )
    table.finish()
    if not _RULE_ID.fullmatch(rule.id):
        raise table.error("id", f"must be words with dots between them, not {rule.id!r}")
    if not rule.every:
        raise table.error("all", "must not be empty")
    return rule


def _concepts(table: Table, key: str, names: Sequence[str], known: frozenset[str]) -> tuple[str, ...]:
    if unknown := sorted(set(names) - known):
        raise table.error(key, f"no list of words is named {', '.join(unknown)}")
    return tuple(names)


def _aligned(table: Table, key: str) -> dict[str, str]:
    below = table.table(key)
    written, meant = below.text("written"), below.text("meant")
    below.finish()
    if len(written) != len(meant):
        raise table.error(key, f"written has {len(written)} characters and meant {len(meant)}")
    return dict(zip(written, meant, strict=True))
