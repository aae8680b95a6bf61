"""Amounts are written as Babel writes them, in every locale."""

from babel import Locale
from babel.localedata import locale_identifiers
from babel.numbers import format_currency, list_currencies
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.money import Money
from duecourse.texts.formats import Pen

LOCALES = ["en", "en-IN", "zh-CN", "de", "de-CH", "fr", "es", "pl", "hi", "ar", "ja", *sorted(locale_identifiers())]
CURRENCIES = ["USD", "EUR", "JPY", "KWD", "INR", "CNY", "RSD", "CLF", *sorted(list_currencies())]


@given(
    place=st.sampled_from(LOCALES),
    currency=st.sampled_from(CURRENCIES),
    minors=st.lists(st.integers(-(10**12), 10**12), min_size=1),
)
def test_an_amount_is_written_as_babel_writes_it(place: str, currency: str, minors: list[int]) -> None:
    locale = Locale.parse(place.replace("-", "_"))
    pen = Pen(locale)
    for minor in [*minors, 0, 5, 99_999, 100_000]:
        amount = Money(minor=minor, currency=currency).amount
        assert pen.money(minor, currency) == format_currency(amount, currency, locale=locale)
