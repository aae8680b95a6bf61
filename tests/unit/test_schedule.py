"""A rung fires on a civil day at a local time, wherever the borrower is and whatever the clocks do."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.cadence.rung import Rung, Weekday
from duecourse.cadence.schedule import due_days, ends_at, fires_at, live
from duecourse.domain.vocabulary import Audience, ChannelKind, StopRule
from duecourse.domain.zones import find_zone, instant

NEW_YORK = ZoneInfo("America/New_York")
ZONES = [zone for name in sorted(available_timezones()) if (zone := find_zone(name))]
zones = st.sampled_from(ZONES)
days = st.dates(min_value=date(2012, 1, 1), max_value=date(2037, 1, 1))


def rung(offset: int = 0, at: time = time(9), not_after: time = time(12), lasts: int = 0) -> Rung:
    return Rung(
        name="r",
        audiences=frozenset(Audience),
        offset_days=offset,
        at=at,
        not_after=not_after,
        channels=(ChannelKind.SMS,),
        template="t",
        priority=5,
        stop=frozenset(StopRule),
        lasts_days=lasts,
    )


def test_a_rung_before_the_due_date_counts_civil_days_over_a_change_of_clocks() -> None:
    # Clocks went forward on 11 March 2018: three civil days are 71 hours.
    fired = fires_at(rung(offset=-3), date(2018, 3, 12), NEW_YORK)
    assert fired == datetime(2018, 3, 9, 14, tzinfo=UTC)
    assert fires_at(rung(), date(2018, 3, 12), NEW_YORK) - fired == timedelta(hours=71)


def test_a_local_time_that_is_skipped_moves_forward_by_the_gap() -> None:
    assert instant(date(2018, 3, 11), time(2, 30), NEW_YORK) == datetime(2018, 3, 11, 7, 30, tzinfo=UTC)


def test_a_local_time_that_comes_twice_is_its_second_coming_as_in_postgres() -> None:
    assert instant(date(2018, 11, 4), time(1, 30), NEW_YORK) == datetime(2018, 11, 4, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "America", "../etc/passwd", "localtime", "CET"])
def test_a_name_that_is_no_place_is_no_zone(name: str | None) -> None:
    assert find_zone(name) is None


def test_a_rung_is_live_from_its_time_until_just_before_its_end() -> None:
    due_on = date(2018, 6, 1)
    start, end = fires_at(rung(), due_on, NEW_YORK), ends_at(rung(), due_on, NEW_YORK)
    assert live(rung(), due_on, NEW_YORK, start)
    assert not live(rung(), due_on, NEW_YORK, start - timedelta(microseconds=1))
    assert live(rung(), due_on, NEW_YORK, end - timedelta(microseconds=1))
    assert not live(rung(), due_on, NEW_YORK, end)


def test_a_rung_may_last_over_a_weekend_and_ends_by_the_clock_of_its_last_day() -> None:
    # Clocks went forward on 11 March 2018.
    lasting = rung(offset=1, not_after=time(8), lasts=2)
    assert ends_at(lasting, date(2018, 3, 9), NEW_YORK) == datetime(2018, 3, 12, 12, tzinfo=UTC)
    assert [lasting.is_open_at(at) for at in (time(7), time(8), time(9))] == [True, True, True]
    one_night = rung(offset=1, not_after=time(8), lasts=1)
    assert [one_night.is_open_at(at) for at in (time(7), time(8), time(9))] == [True, False, True]
    assert [rung().is_open_at(at) for at in (time(8), time(9), time(12))] == [False, True, False]


def test_a_rung_may_be_for_what_is_due_on_some_days_of_the_week() -> None:
    for_sundays = replace(rung(offset=-2), due_weekdays=frozenset({Weekday.SUN}))
    sunday = date(2018, 7, 1)
    assert [for_sundays.is_for(sunday + timedelta(days=n)) for n in range(8)] == [True, *[False] * 6, True]
    assert live(for_sundays, sunday, NEW_YORK, fires_at(for_sundays, sunday, NEW_YORK))
    monday = sunday + timedelta(days=1)
    assert not live(for_sundays, monday, NEW_YORK, fires_at(for_sundays, monday, NEW_YORK))
    assert rung().is_for(monday)


def test_a_window_that_is_naive_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        due_days([rung()], datetime(2018, 1, 1), datetime(2018, 1, 2))  # noqa: DTZ001 - that is the point


@given(
    zone=zones,
    due_on=days,
    offset=st.integers(-60, 60),
    at=st.times(max_value=time(22)),
    lead=st.timedeltas(timedelta(0), timedelta(days=3)),
    lasts=st.integers(0, 6),
    late=st.booleans(),
)
def test_a_planning_window_covers_every_due_date_that_is_live_in_it(
    zone: ZoneInfo, due_on: date, offset: int, at: time, lead: timedelta, lasts: int, *, late: bool
) -> None:
    tick = timedelta(microseconds=1)
    step = rung(offset, at.replace(second=0, microsecond=0), time(23), lasts)
    now = ends_at(step, due_on, zone) - tick if late else fires_at(step, due_on, zone)
    first, last = due_days([step, rung(offset)], now - (timedelta() if late else lead), now + tick)
    assert first <= due_on <= last


@given(due_on=days, offset=st.integers(-60, 60), hours=st.integers(1, 48))
def test_a_planning_window_asks_for_few_days_more_than_it_needs(due_on: date, offset: int, hours: int) -> None:
    now = datetime.combine(due_on, time(12), UTC)
    first, last = due_days([rung(offset)], now, now + timedelta(hours=hours))
    assert timedelta(0) <= last - first <= timedelta(hours=hours) + timedelta(days=3)


@given(zone=zones, day=days, at=st.times())
def test_an_instant_reads_as_the_local_time_it_was_made_from_unless_the_clocks_skip_it(
    zone: ZoneInfo, day: date, at: time
) -> None:
    local = instant(day, at, zone).astimezone(zone)
    earlier = datetime.combine(day, at, zone).replace(fold=0).utcoffset()
    later = datetime.combine(day, at, zone).replace(fold=1).utcoffset()
    assert earlier is not None
    assert later is not None
    skipped = max(later - earlier, timedelta(0))
    assert local.replace(tzinfo=None) == datetime.combine(day, at) + skipped
