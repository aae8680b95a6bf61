"""Planning happens in SQL and judging in Python: both must mean the same instant."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import available_timezones

import psycopg

from duecourse.domain.zones import find_zone, instant

_TIMES = [time(0), time(0, 30), time(1, 30), time(2), time(2, 30), time(3), time(9), time(23, 59)]
_ASK = """
SELECT q.zone, q.day, q.at, (q.day + q.at) AT TIME ZONE q.zone
FROM unnest(%s::text[], %s::date[], %s::time[]) AS q (zone, day, at)
"""


def _changing_days(name: str, years: range) -> list[date]:
    """The days on which the zone's offset changes, their neighbours, and a day in each January."""
    zone = find_zone(name)
    assert zone is not None
    noon = [datetime(years.start, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(366 * len(years))]
    offsets = [moment.astimezone(zone).utcoffset() for moment in noon]
    changes = [n for n in range(1, len(noon)) if offsets[n] != offsets[n - 1]]
    days = {(noon[n] + timedelta(days=by)).date() for n in changes for by in (-2, -1, 0, 1)}
    return sorted(days | {date(year, 1, 15) for year in years})


def test_postgres_and_python_name_the_same_instant_in_every_zone_they_share(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        known = {name for (name,) in conn.execute("SELECT name FROM pg_timezone_names")}
        zones = sorted(name for name in known & available_timezones() if find_zone(name))
        asked = [(z, day, at) for z in zones for day in _changing_days(z, range(2018, 2020)) for at in _TIMES]
        answers = conn.execute(_ASK, [list(column) for column in zip(*asked, strict=True)]).fetchall()
    differing = [row for row in answers if instant(row[1], row[2], find_zone(row[0]) or UTC) != row[3]]  # type: ignore[arg-type]
    assert len(zones) > 400
    assert len(answers) == len(asked)
    assert differing == []
