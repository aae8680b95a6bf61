"""Reads `config/tone/`: words, rules and weights from files, and words of a context from outside."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from duecourse.domain.errors import ConfigError, InputError
from duecourse.domain.table import Table, read_toml
from duecourse.policy.tone import LegalStatus, OfferExpiry, Recipient, Sender, ToneChannel, ToneContext, ToneGuard
from duecourse.policy.tone.classifier import Classifier
from duecourse.policy.tone.reading import read_guard
from duecourse.policy.tone.vocabulary import Category, Language

Word = TypeVar("Word", bound=StrEnum)

#: A staff number has a digit: a name would be personal data in the ledger of events.
_NUMBER = re.compile(r"(?=.*\d)[A-Za-z0-9.-]{1,32}")
_ACCOUNT = re.compile(r"cli:uid-\d+")

_FIELDS: Mapping[str, type[StrEnum]] = {
    "recipient": Recipient,
    "channel": ToneChannel,
    "legal_status": LegalStatus,
    "sender": Sender,
    "offer_expiry": OfferExpiry,
}


def load_tone(config_dir: Path) -> ToneGuard:
    """The guard of this configuration folder, read once per process.

    Raises:
        ConfigError: names the file and the key. Without a guard no text leaves, so nothing starts.
    """
    return _load(config_dir.resolve())


@lru_cache(maxsize=8)
def _load(config_dir: Path) -> ToneGuard:
    return load_untrained(config_dir, _read_weights(config_dir / "tone" / "weights.json"))


def load_untrained(config_dir: Path, weights: Mapping[Language, Classifier] = MappingProxyType({})) -> ToneGuard:
    """The guard with these weights instead of the folder's: what the training starts from.

    Raises:
        ConfigError: as `load_tone`.
    """
    folder = config_dir / "tone"
    lexicons = {language: _table(folder / f"{language}.toml") for language in Language}
    return read_guard(_table(folder / "tone.toml"), _table(folder / "characters.toml"), lexicons, weights)


def load_supervisors(config_dir: Path) -> dict[str, frozenset[str]]:
    """Who may release a text that the guard doubts: a staff number to the accounts it is done from.

    Raises:
        ConfigError: names the file and the key.
    """
    table = _table(config_dir / "tone" / "release.toml")
    listed = table.table("supervisors")
    found = {number: frozenset(listed.texts(number)) for number in table.mapping("supervisors")}
    for number, accounts in found.items():
        if not _NUMBER.fullmatch(number):
            raise listed.error(number, "must be a staff number of letters, digits, dots and hyphens: no name")
        if wrong := sorted(account for account in accounts if not _ACCOUNT.fullmatch(account)):
            raise listed.error(number, f"{wrong[0]!r} is no account: it reads like 'cli:uid-1001'")
        if not accounts:
            raise listed.error(number, "must name an account")
    table.finish()
    return found


def _table(path: Path) -> Table:
    return Table(read_toml(path), file=str(path))


def _read_weights(path: Path) -> dict[Language, Classifier]:
    """As `training/tone/train.py` writes them, in thousandths: a feature's rarity, its say on all, on each category."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return {language: _classifier(language, found[language.value]) for language in Language}
    except OSError as exc:
        raise ConfigError(file=str(path), key="(file)", problem=f"cannot be read: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError, IndexError) as exc:
        problem = f"holds no weights: {type(exc).__name__}; `make tone-model` writes it anew"
        raise ConfigError(file=str(path), key="(file)", problem=problem) from exc


def _classifier(language: Language, found: Mapping[str, Any]) -> Classifier:
    return Classifier(
        language=language,
        bias=found["bias"] / 1000,
        weights={gram: row[1] / 1000 for gram, row in found["grams"].items()},
        squares={gram: (row[0] / 1000) ** 2 for gram, row in found["grams"].items()},
        category_biases={category: found["categories"][category.value] / 1000 for category in Category},
        category_weights={gram: tuple(one / 1000 for one in row[2:]) for gram, row in found["grams"].items()},
    )


class ContextWords:
    """Words of a context as people and files write them: a coworker is a third party, a call is voice."""

    def __init__(self, config_dir: Path) -> None:
        table = _table(config_dir / "tone" / "tone.toml").table("context")
        self._words = {name: _synonyms(table.table(name), kind) for name, kind in _FIELDS.items()}

    def context(self, values: Mapping[str, Any]) -> ToneContext:
        """From a mapping's fields; what it lacks, or says in words that nobody knows, is unknown."""
        read = {name: self._word(name, values[name]) for name in _FIELDS if values.get(name) is not None}
        return ToneContext(**read)

    def exact(self, values: Mapping[str, str]) -> ToneContext:
        """The same from a person, who is told of a word that nobody knows.

        Raises:
            InputError: names the field.
        """
        for name, said in values.items():
            if name not in _FIELDS:
                raise InputError(f"context: {name!r} is none of {', '.join(_FIELDS)}")
            if said != "unknown" and self._word(name, said) == "unknown":
                raise InputError(f"context: {name}: {said!r} is none of {', '.join(_FIELDS[name])}")
        return self.context(values)

    def _word(self, name: str, said: Any) -> Any:
        kind: Any = _FIELDS[name]
        plain = "_".join(str(said).casefold().replace("-", " ").split())
        return self._words[name].get(plain, kind("unknown"))


def _synonyms(table: Table, kind: type[Word]) -> dict[str, Word]:
    found: dict[str, Word] = {}
    for word in kind:
        if word.value != "unknown":
            found |= dict.fromkeys((said.strip() for said in table.text(word.value).split(",")), word)
    table.finish()
    return found
