"""When a contact may be made that may not be made now: in words, by the clocks where the borrower may be."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.domain.zones import find_zone

_UTC = ZoneInfo("UTC")


def until_in_words(record: Mapping[str, Any]) -> str | None:
    """`Wednesday 11 July 2018, 08:00 in America/New_York`; None where the verdict names no such time.

    Args:
        record: a verdict as `Verdict.as_json` gives it.
    """
    if not record.get("until"):
        return None
    until, facts = datetime.fromisoformat(record["until"]), record.get("facts", {})
    names = dict.fromkeys((facts.get("time_zone"), *facts.get("candidate_zones", ())))
    zones = [zone for zone in map(find_zone, names) if zone] or [_UTC]
    return ", ".join(_local(until.astimezone(zone), zone) for zone in zones)


def _local(until: datetime, zone: ZoneInfo) -> str:
    return f"{until:%A} {until.day} {until:%B %Y}, {until:%H:%M} in {zone.key}"
