"""How many parts an SMS takes, which is what it costs. 3GPP TS 23.038 (alphabet), TS 23.040 (concatenation)."""

from collections.abc import Iterable
from math import ceil

GSM_7 = "GSM-7"
UCS_2 = "UCS-2"

#: TS 23.038, 6.2.1: the default alphabet, and 6.2.1.1: what an escape reaches and so counts twice.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
_GSM = _BASIC | _ESCAPED
#: Units in a message alone, and in each part of a longer one, whose header takes the rest.
_SINGLE = {GSM_7: 160, UCS_2: 70}
_JOINED = {GSM_7: 153, UCS_2: 67}
_LAST_BMP = "\uffff"


def segments(text: str) -> tuple[int, str]:
    """The number of parts and the encoding. One character outside GSM-7 puts the whole text into UCS-2."""
    if _GSM.issuperset(text):
        return _count((2 if char in _ESCAPED else 1 for char in text), GSM_7), GSM_7
    return _count((2 if char > _LAST_BMP else 1 for char in text), UCS_2), UCS_2


def _count(sizes: Iterable[int], encoding: str) -> int:
    """Parts needed. No escape sequence and no surrogate pair is torn apart."""
    units = list(sizes)
    total = sum(units)
    if total <= _SINGLE[encoding]:
        return 1
    room = _JOINED[encoding]
    if total == len(units):
        return ceil(total / room)
    return _packed(units, room)


def _packed(units: Iterable[int], room: int) -> int:
    parts, left = 0, 0
    for unit in units:
        if unit > left:
            parts, left = parts + 1, room
        left -= unit
    return parts
