"""US states and their time zones, from 49 CFR part 71 by way of tz's `zone1970.tab`: where most people live.

Kept apart from the importer's table on purpose: the report recomputes local times without it.
"""

from zoneinfo import ZoneInfo

_ZONES = {
    "America/New_York": "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "CO ID MT NM UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
}

ZONE_OF_STATE = {state: ZoneInfo(zone) for zone, states in _ZONES.items() for state in states.split()}
