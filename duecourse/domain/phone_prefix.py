"""What a phone number's first digits tell of its holder: a country, and the zones that the number may be in.

The zones are evidence, not knowledge: people move and keep their numbers.
"""

from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import timezone

from duecourse.domain.territories import sure_zone, zones_of

_UNKNOWN = timezone.UNKNOWN_TIMEZONE
#: The library's word for numbers that belong to no country, such as international freephone.
_NO_COUNTRY = phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
#: Longer than the longest of any plan's calling codes.
_CODE_DIGITS = 3


class Prefix(NamedTuple):
    """`country` is ISO 3166 alpha-2 or None; `zones` are IANA names in order, none where nothing is known.

    A mobile number of a country that does not number its mobiles by area may be in any zone of that country.
    """

    country: str | None
    zones: tuple[str, ...]


_NOTHING = Prefix(None, ())


def prefix_of(phone: str) -> Prefix:
    """Read a number in E.164 with the numbering plans of the `phonenumbers` library (Google's libphonenumber)."""
    alone = _only_one(phone[1 : 1 + _CODE_DIGITS]) if phone[1:].isdecimal() else None
    if alone:
        return alone
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return _NOTHING
    country = phonenumbers.region_code_for_number(number)
    if country in {None, _NO_COUNTRY}:
        return _NOTHING
    return Prefix(country, _zones(country, timezone.time_zones_for_number(number)))


def _zones(country: str, told: tuple[str, ...]) -> tuple[str, ...]:
    """The zones of the number's country among those told: the library names a whole calling code's for a mobile."""
    sure = sure_zone(country, None)
    if sure:
        return (sure,)
    here = zones_of(country)
    return tuple(zone for zone in told if zone in here) or tuple(zone for zone in told if zone != _UNKNOWN)


@lru_cache
def _only_one(digits: str) -> Prefix | None:
    """For a calling code that serves one country with one zone: its digits tell all, and spare the long way."""
    for length in range(1, _CODE_DIGITS + 1):
        countries = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length]))
        if countries is not None:
            zone = sure_zone(countries[0], None) if len(countries) == 1 else None
            return Prefix(countries[0], (zone,)) if zone else None
    return None
