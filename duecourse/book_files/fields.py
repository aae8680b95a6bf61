"""From a cell's text to a value. Every refusal names the field and the rule, never the value."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global, parse_locale

from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import Consent
from duecourse.domain.zones import find_zone

Read = Callable[[str], object]

_LONGEST_ID = 200
_LONGEST_TEXT = 500
_MOST_COUNT = 1_000_000
_YEARS = range(1950, 2200)
#: Fifteen digits: with the minor units of any currency still inside a bigint.
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?")
_COUNT = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
#: Loan statuses as the ledger has them.
_STATUSES = frozenset({"active", "closed", "charged_off"})
#: In whose name a loan is collected, as the ledger has them.
_ROLES = frozenset({"first_party", "third_party_agency", "assignee"})
_CONSENTS = frozenset(consent.value for consent in Consent)
_CACHED = 20_000


class FieldError(InputError):
    """One field of one row was refused."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def identifier(text: str) -> str:
    if len(text) > _LONGEST_ID or not text.isprintable():
        raise InputError(f"must be at most {_LONGEST_ID} printable characters")
    return text


def words(text: str) -> str:
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        raise InputError(f"must be at most {_LONGEST_TEXT} printable characters")
    return text


def amount(text: str) -> str:
    """A decimal in major units, kept as text."""
    if not _AMOUNT.fullmatch(text):
        raise InputError("must be an amount of zero or more, such as 652.53")
    return text


def count(text: str) -> int:
    if not _COUNT.fullmatch(text) or int(text) > _MOST_COUNT:
        raise InputError("must be a whole number of zero or more")
    return int(text)


def ordinal(text: str) -> int:
    if not (number := count(text)):
        raise InputError("must be 1 or more")
    return number


@lru_cache(_CACHED)
def day(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise InputError("must be a date such as 2018-07-28")
    try:
        value = date.fromisoformat(text)
    except ValueError as exc:
        raise InputError("is no date of the calendar") from exc
    return _in_range(value)


def instant(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InputError("must be a time such as 2018-07-28T09:30:00-05:00") from exc
    if value.tzinfo is None:
        raise InputError("needs its offset from UTC, such as 2018-07-28T09:30:00-05:00")
    _in_range(value)
    return value


def flag(text: str) -> bool:
    lower = text.lower()
    if lower not in _TRUE | _FALSE:
        raise InputError("must be true or false")
    return lower in _TRUE


@lru_cache(_CACHED)
def currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text) or text not in get_global("all_currencies"):
        raise InputError("must be an ISO 4217 code such as USD")
    return text


@lru_cache(_CACHED)
def country(text: str) -> str:
    if not _COUNTRY.fullmatch(text) or text not in get_global("territory_zones"):
        raise InputError("must be an ISO 3166 alpha-2 code such as US")
    return text


@lru_cache(_CACHED)
def locale(text: str) -> str:
    """As BCP 47 writes it: `en`, `zh-CN`."""
    try:
        language, territory, script, *_ = parse_locale(text.replace("-", "_"))
        # `zh-CN` is known as `zh-Hans-CN` only, which babel finds out by itself.
        Locale.parse(text.replace("-", "_"))
    except (ValueError, UnknownLocaleError) as exc:
        raise InputError("must be a locale such as en or zh-CN") from exc
    return "-".join(part for part in (language, script, territory) if part)


@lru_cache(_CACHED)
def zone(text: str) -> str:
    if find_zone(text) is None:
        raise InputError("must be a time zone such as America/New_York")
    return text


def status(text: str) -> str:
    return _one_of(text, _STATUSES)


def actor_role(text: str) -> str:
    return _one_of(text, _ROLES)


def consent(text: str) -> str:
    return _one_of(text, _CONSENTS)


def _one_of(text: str, allowed: frozenset[str]) -> str:
    if text not in allowed:
        raise InputError(f"must be one of {', '.join(sorted(allowed))}")
    return text


def _in_range(value: date) -> date:
    if value.year not in _YEARS:
        raise InputError(f"must lie in the years {_YEARS[0]} to {_YEARS[-1]}")
    return value
