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
    return moment_in_words(datetime.fromisoformat(record["until"]), record.get("facts", {}))


def moment_in_words(moment: datetime, facts: Mapping[str, Any]) -> str:
    """The same of any moment; in UTC where the facts of a verdict do not say where the borrower may be."""
    names = dict.fromkeys((facts.get("time_zone"), *facts.get("candidate_zones", ())))
    zones = [zone for zone in map(find_zone, names) if zone] or [_UTC]
    return ", ".join(_local(moment.astimezone(zone), zone) for zone in zones)


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment:%A} {moment.day} {moment:%B %Y}, {moment:%H:%M} in {zone.key}"
