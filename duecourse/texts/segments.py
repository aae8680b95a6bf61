"""How many parts an SMS takes, which is what it costs. 3GPP TS 23.038 (alphabet), TS 23.040 (concatenation)."""

import re
from collections.abc import Iterable
from math import ceil

GSM_7 = "GSM-7"
UCS_2 = "UCS-2"

#: TS 23.038, 6.2.1: the default alphabet, and 6.2.1.1: what an escape reaches and so counts twice.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = "\f^{}\\[~]|€"
_GSM = re.compile(f"[{re.escape(_BASIC + _ESCAPED)}]*")
#: Of these, what is ASCII and takes one unit: most texts hold nothing else, and a byte table knows it faster than `re`.
_SIMPLE = "".join(filter(str.isascii, _BASIC)).encode()
#: What takes two units: an escape sequence, a surrogate pair.
_DOUBLE = {GSM_7: re.compile(f"[{re.escape(_ESCAPED)}]"), UCS_2: re.compile("[\U00010000-\U0010ffff]")}
#: Units in a message alone, and in each part of a longer one, whose header takes the rest.
_SINGLE = {GSM_7: 160, UCS_2: 70}
_JOINED = {GSM_7: 153, UCS_2: 67}


def segments(text: str) -> tuple[int, str]:
    """The number of parts and the encoding. One character outside GSM-7 puts the whole text into UCS-2."""
    if text.isascii() and not text.encode().translate(None, delete=_SIMPLE):
        return _parts(len(text), GSM_7), GSM_7
    encoding = GSM_7 if _GSM.fullmatch(text) else UCS_2
    return _count(text, encoding), encoding


def _count(text: str, encoding: str) -> int:
    """Parts needed. No escape sequence and no surrogate pair is torn apart."""
    double = _DOUBLE[encoding]
    doubled = len(double.findall(text))
    if not doubled or len(text) + doubled <= _SINGLE[encoding]:
        return _parts(len(text) + doubled, encoding)
    return _packed((2 if double.match(char) else 1 for char in text), _JOINED[encoding])


def _parts(units: int, encoding: str) -> int:
    """Where none of them belong together."""
    return 1 if units <= _SINGLE[encoding] else ceil(units / _JOINED[encoding])


def _packed(units: Iterable[int], room: int) -> int:
    parts, left = 0, 0
    for unit in units:
        if unit > left:
            parts, left = parts + 1, room
        left -= unit
    return parts
