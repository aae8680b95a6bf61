"""Money, dates and names as the reader's locale writes them."""

import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_currency

from duecourse.domain.money import Money

_LONGEST_NAME = 80
#: Joiners carry meaning in Persian, Hindi and emoji; every other invisible character only deceives.
_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Spaces that babel writes and GSM-7 does not know: one of them would double the price of an SMS.
_NARROW_SPACES = "\u00a0\u202f\u2009"


@lru_cache(maxsize=8192)
def money(minor: int, currency: str, locale: Locale) -> str:
    return format_currency(Money(minor=minor, currency=currency).amount, currency, locale=locale)


@lru_cache(maxsize=1024)
def day(value: date, locale: Locale) -> str:
    return format_date(value, format="long", locale=locale)


def total(amounts: Iterable[Money], locale: Locale) -> str:
    """The sum per currency, joined as the locale joins a list: amounts of two currencies are never added."""
    sums: dict[str, int] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, 0) + amount.minor
    parts = [money(minor, currency, locale) for currency, minor in sums.items()]
    return parts[0] if len(parts) == 1 else format_list(parts, locale=locale)


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
