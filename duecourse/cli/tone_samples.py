"""Reads labelled texts for `duecourse tone eval`: JSON Lines, each line's mistakes named."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from duecourse.domain.errors import InputError
from duecourse.policy.tone import Category
from duecourse.policy.tone.evaluation import Sample
from duecourse.settings.tone import ContextWords

#: A note may state context as `legal_status=none`; nothing else of a note is read.
_STATED = re.compile(r"\b(legal_status|offer_expiry|sender)=(\w+)")


def read_samples(path: Path, words: ContextWords) -> list[Sample]:
    """One sample per line: `text`, `label` (violating, compliant), `category`, `lang`, and fields of the context.

    Raises:
        InputError: names the file and line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: cannot be read: {type(exc).__name__}") from exc
    return list(_samples(path, lines, words))


def _samples(path: Path, lines: list[str], words: ContextWords) -> Iterator[Sample]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _sample(json.loads(line), number, words)
            except json.JSONDecodeError as exc:
                raise InputError(f"{path}:{number}: is no JSON: {exc.msg}") from exc
            except InputError as exc:
                raise InputError(f"{path}:{number}: {exc}") from exc


def _sample(found: Any, number: int, words: ContextWords) -> Sample:
    if not isinstance(found, Mapping):
        raise InputError("is no object")
    stated = dict(_STATED.findall(str(found.get("note") or "")))
    nested = found.get("context")
    own = nested if isinstance(nested, Mapping) else {}
    return Sample(
        id=str(found.get("id", number)),
        language=_text(found, "lang"),
        text=_text(found, "text"),
        context=words.context({**stated, **found, **own}),
        category=_category(found),
    )


def _category(found: Mapping[str, Any]) -> Category | None:
    label = _text(found, "label")
    if label == "compliant":
        return None
    if label != "violating":
        raise InputError(f"label: must be violating or compliant, not {label!r}")
    try:
        return Category(_text(found, "category"))
    except ValueError as exc:
        raise InputError(f"category: unknown; must be one of {', '.join(Category)}") from exc


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{key}: is missing")
    return value
