"""Money, dates and names as the reader's locale writes them."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import lru_cache, partial
from typing import NamedTuple

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_currency

from duecourse.domain.money import Money, exponent

_LONGEST_NAME = 80
#: Joiners carry meaning in Persian, Hindi and emoji; every other invisible character only deceives.
_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Spaces that babel writes and GSM-7 does not know: one of them would double the price of an SMS.
_NARROW_SPACES = "\u00a0\u202f\u2009"
#: Whole units whose writing shows where the locale puts its separators; the minor units are all eights.
_SAMPLE = 1_234_567
_SHAPE = re.compile(r"(?P<before>\D*)1(?P<group>\D*)234(?P=group)567(?:(?P<point>\D+)(?P<minor>8+))?(?P<after>\D*)")


class Pen:
    """Money and dates as one locale writes them."""

    def __init__(self, locale: Locale) -> None:
        self._locale = locale
        self._shape = lru_cache(maxsize=256)(partial(_shape, locale=locale))
        self.day = lru_cache(maxsize=1024)(self._day)

    def _day(self, value: date) -> str:
        return format_date(value, format="long", locale=self._locale)

    def money(self, minor: int, currency: str) -> str:
        shape = self._shape(currency)
        if shape is None or minor < 0:
            return _by_babel(minor, currency, self._locale)
        return shape.write(minor)

    def total(self, amounts: Iterable[Money]) -> str:
        """The sum per currency, joined as the locale joins a list: amounts of two currencies are never added."""
        sums: dict[str, int] = {}
        for amount in amounts:
            sums[amount.currency] = sums.get(amount.currency, 0) + amount.minor
        parts = [self.money(minor, currency) for currency, minor in sums.items()]
        return parts[0] if len(parts) == 1 else format_list(parts, locale=self._locale)


class _Shape(NamedTuple):
    """How one currency is written: what Babel works out anew for each amount."""

    before: str
    group: str
    point: str
    digits: int
    after: str

    def write(self, minor: int) -> str:
        whole, part = divmod(minor, 10**self.digits)
        number = f"{whole:,}".replace(",", self.group)
        fraction = f"{self.point}{part:0{self.digits}}" if self.digits else ""
        return f"{self.before}{number}{fraction}{self.after}"


def _shape(currency: str, locale: Locale) -> _Shape | None:
    """None where the locale groups otherwise than by thousands, or does not write the minor units as we count them."""
    digits = exponent(currency)
    found = _SHAPE.fullmatch(_by_babel(int(f"{_SAMPLE}{'8' * digits}"), currency, locale))
    if found is None or len(found["minor"] or "") != digits:
        return None
    return _Shape(found["before"], found["group"], found["point"] or "", digits, found["after"])


@lru_cache(maxsize=8192)
def _by_babel(minor: int, currency: str, locale: Locale) -> str:
    return format_currency(Money(minor=minor, currency=currency).amount, currency, locale=locale)


def safe_name(name: str) -> str:
    """The name on one line, without what could hide, reorder or break the text around it."""
    shown = name if name.isprintable() else "".join(filter(_shows, name))
    return " ".join(unicodedata.normalize("NFC", shown).split())[:_LONGEST_NAME].rstrip()


def _shows(char: str) -> bool:
    return char.isspace() or char in _JOINERS or unicodedata.category(char) not in _HIDDEN


def one_line(text: str) -> str:
    """For subjects and titles: no line break reaches a header."""
    shown = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())


def plain_spaces(text: str) -> str:
    for space in _NARROW_SPACES:
        text = text.replace(space, " ")
    return text
