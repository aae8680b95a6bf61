"""Brings what people type into one form: width, case, accents, emoji, punctuation and quotations make no difference."""

import re
import unicodedata
from dataclasses import dataclass

#: More than any SMS; a longer mail says what it wants early or late, and a person reads it.
_LONGEST = 4_000
_QUOTED = re.compile(r"(?m)^\s*>.*$")
#: What mail programs put above the message that is answered.
_QUOTE_HEAD = re.compile(
    r"(?ims)^\s*(?:-{2,}\s*\S.{0,60}-{2,}|_{8,}|on [^\n]{5,120}wrote:|le [^\n]{5,120}a écrit\s?:|am [^\n]{5,120}schrieb"
    r"[^\n]{0,80}:|el [^\n]{5,120}escribió:|em [^\n]{5,120}escreveu:|(?:from|von|发件人|寄件者)\s?[:：])[^\n]*\n.*\Z"
)
#: The accents of the Latin, Greek and Cyrillic scripts; the vowel signs of other scripts stand elsewhere.
_ACCENTS = re.compile("[\u0300-\u036f]")
_UNSEEN = {"Cf", "Cc", "Cs", "Co", "Cn"}
_ENDS = {"?": " ? ", "？": " ? "} | dict.fromkeys(".!;:,…。！；，：、؟।|\n\r", " ; ")
_LETTERS = str.maketrans({"đ": "d", "ı": "i", "ł": "l", "ß": "ss", "’": "'", "‘": "'", "`": "'", "´": "'"})
_BREAKS = re.compile(r"(?:; )+;")


@dataclass(frozen=True, slots=True)
class Plain:
    """One text in two forms."""

    line: str
    """Words with single spaces; `;` stands where a part of a sentence ends, `?` for itself."""
    compact: str
    """Letters and digits alone; the emoji where there is nothing else."""


def plain(text: str) -> Plain:
    """Total: any text has a form, and a form is its own form."""
    line = _BREAKS.sub(";", " ".join(_pieces(bare(_wide(text)))))
    compact = "".join(char for char in line if char not in " ;?'")
    return Plain(line, compact or _symbols(text[:_LONGEST]))


def _wide(text: str) -> str:
    """What the sender wrote themselves, in characters of one width."""
    start = text[:_LONGEST]
    own = _QUOTED.sub("", _QUOTE_HEAD.sub("", start))
    return unicodedata.normalize("NFKC", own if own.strip() else start)


def bare(text: str) -> str:
    """In small letters and without accents."""
    small = text.casefold().translate(_LETTERS)
    # Once more: some letters have a case only when they have lost their accent.
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", small))).casefold()


def _pieces(text: str) -> list[str]:
    return "".join(map(_piece, text)).split()


def _piece(char: str) -> str:
    if char in _ENDS:
        return _ENDS[char]
    category = unicodedata.category(char)
    if category in _UNSEEN or "\ufe00" <= char <= "\ufe0f":
        return ""
    return char if category[0] in "LN" or category in {"Mn", "Mc"} or char == "'" else " "


def _symbols(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) == "So")
