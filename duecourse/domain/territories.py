"""Which time zone a borrower lives in, where only country and region are known.

A state is *whole* where all of it keeps the same time all year; of a split one the table has the zone of most of its
people (Census 2010, as the time zone map of the US Department of Transportation, 49 CFR 71, divides it).
Nothing is guessed for sending: `sure_zone` answers only where there is no other possibility.
"""

from babel.core import get_global

_EASTERN, _CENTRAL, _MOUNTAIN = "America/New_York", "America/Chicago", "America/Denver"
_PACIFIC = "America/Los_Angeles"

#: 49 CFR 71, summer time included.
_WHOLE = {
    _EASTERN: "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    _CENTRAL: "AL AR IA IL LA MN MO MS OK WI",
    _MOUNTAIN: "CO MT NM UT WY",
    _PACIFIC: "CA WA",
    "Pacific/Honolulu": "HI",
}
#: Where a part keeps another time: the zone of most people.
_SPLIT = {
    _EASTERN: "FL IN KY MI",
    _CENTRAL: "KS ND NE SD TN TX",
    _MOUNTAIN: "ID",
    _PACIFIC: "NV OR",
    "America/Phoenix": "AZ",
    "America/Anchorage": "AK",
}
WHOLE_STATES = {state: zone for zone, states in _WHOLE.items() for state in states.split()}
MAJORITY_ZONES = WHOLE_STATES | {state: zone for zone, states in _SPLIT.items() for state in states.split()}

#: Countries with one legal time although the zone database lists more than one history for them.
_ONE_LEGAL_TIME = {"CN": "Asia/Shanghai", "DE": "Europe/Berlin"}

#: CLDR's word for an unknown place.
_NOWHERE = "ZZ"


def sure_zone(country: str, region: str | None) -> str | None:
    """The only zone that a place can be in; None where there are several or the place is unknown.

    Args:
        country: ISO 3166 alpha-2.
        region: in the United States the two-letter state, else ignored.
    """
    if country == "US":
        return WHOLE_STATES.get((region or "").upper())
    zones = get_global("territory_zones").get(country, ())
    return _ONE_LEGAL_TIME.get(country) or (zones[0] if len(zones) == 1 else None)


def zones_of(country: str) -> frozenset[str]:
    """The IANA zones of a country (ISO 3166 alpha-2) by CLDR; none where it is unknown."""
    return frozenset(get_global("territory_zones").get(country, ()))


def is_country(code: str) -> bool:
    """An ISO 3166-1 alpha-2 code in capitals."""
    return code.isalpha() and code != _NOWHERE and code in get_global("territory_zones")
