"""Reads `config/inbound/<language>.toml`: the words by which borrowers stop us, each pattern compiled once."""

import re
import unicodedata
from pathlib import Path

from duecourse.domain.demand import Intent, Meaning, Scope
from duecourse.domain.errors import ConfigError
from duecourse.domain.table import Table, read_toml
from duecourse.policy.intents import Keywords, Language, Lexicon, Phrases
from duecourse.policy.plain_text import bare, plain

_CODE = re.compile(r"[a-z]{2,3}")
#: `*` and `+` on a group can take for ever; on a single letter class they cannot.
_UNBOUNDED_GROUP = re.compile(r"\)(?:[*+]|\{\d*,\})")


def load_lexicon(config_dir: Path) -> Lexicon:
    """Every language of the folder.

    Raises:
        ConfigError: names the file and the key.
    """
    folder = config_dir / "inbound"
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ConfigError(file=str(folder), key="*.toml", problem="no language here: nobody could stop us by a reply")
    languages = tuple(_language(path) for path in paths)
    _refuse_both_ways(folder, languages)
    return Lexicon(languages=languages)


def _language(path: Path) -> Language:
    table = Table(read_toml(path), file=str(path))
    spaced = table.flag("spaced", default=True)
    folds = _folds(table)
    language = Language(
        code=_code(table, path),
        spaced=spaced,
        folds=folds,
        fillers=frozenset(_word(table, "fillers", word, folds) for word in table.texts("fillers", ())),
        keywords=tuple(_keywords(below, folds) for below in table.tables("keywords")),
        phrases=tuple(_phrases(below) for below in table.tables("phrases")),
        masks=tuple(_pattern(table, "masks", source) for source in table.texts("masks", ())),
        limits=tuple(_pattern(table, "limits", source) for source in table.texts("limits", ())),
    )
    table.finish()
    return language


def _code(table: Table, path: Path) -> str:
    code = table.text("language")
    if code != path.stem or not _CODE.fullmatch(code):
        raise table.error("language", "must be the file's name: two or three small letters")
    return code


def _folds(table: Table) -> dict[int, str]:
    folds: dict[int, str] = {}
    for key, value in table.mapping("folds").items():
        if not isinstance(value, str) or len(key) != len(value):
            raise table.error(f"folds.{key}", "must be as many characters as its key")
        folds |= dict(zip(map(ord, key), value, strict=True))
    return folds


def _keywords(table: Table, folds: dict[int, str]) -> Keywords:
    meaning = _meaning(table)
    words = table.texts("words")
    table.text("source")
    readers = frozenset(table.texts("readers", ()))
    table.finish()
    if not words:
        raise table.error("words", "must not be empty")
    compact = frozenset(_word(table, "words", word, folds) for word in words)
    return Keywords(meaning=meaning, words=compact, readers=readers)


def _phrases(table: Table) -> Phrases:
    meaning = _meaning(table)
    if meaning.intent is Intent.START:
        raise table.error("intent", "is start: only a keyword may take a stop back")
    patterns = tuple(_pattern(table, "patterns", source) for source in table.texts("patterns"))
    table.finish()
    if not patterns:
        raise table.error("patterns", "must not be empty")
    return Phrases(meaning=meaning, patterns=patterns)


def _meaning(table: Table) -> Meaning:
    return Meaning(
        intent=table.choice("intent", Intent, Intent.STOP),
        scope=table.choice("scope", Scope, Scope.CHANNEL),
        sure=table.flag("sure", default=True),
        rule=table.text("id"),
    )


def _word(table: Table, key: str, word: str, folds: dict[int, str]) -> str:
    form = plain(word)
    if not form.compact:
        raise table.error(key, f"{word!r} holds no letter, digit or emoji")
    return form.compact.translate(folds)


def _pattern(table: Table, key: str, source: str) -> re.Pattern[str]:
    """Compiled; refused where it could never match the plain form, or could take for ever."""
    if _UNBOUNDED_GROUP.search(source):
        raise table.error(key, f"{source!r} repeats a group without a bound: write how often at most")
    letters = re.sub(r"\\.", "", source)
    if letters != bare(letters):
        raise table.error(key, f"{source!r} has capitals or accents: texts are compared without")
    try:
        return re.compile(unicodedata.normalize("NFKC", source))
    except re.error as exc:
        raise table.error(key, f"{source!r} is no pattern: {exc.msg}") from exc


def _refuse_both_ways(folder: Path, languages: tuple[Language, ...]) -> None:
    words: dict[Intent, set[str]] = {intent: set() for intent in Intent}
    for language in languages:
        for keywords in language.keywords:
            words[keywords.meaning.intent] |= keywords.words
    if both := sorted(words[Intent.STOP] & words[Intent.START]):
        raise ConfigError(file=str(folder), key="words", problem=f"{both[0]!r} stops and starts")
