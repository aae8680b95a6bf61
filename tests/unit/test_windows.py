"""Local hours as real time: no hour is open that some clock would call closed, and the next opening is open."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.domain.zones import find_zone
from duecourse.policy.calendars import UNKNOWN, WEEKDAYS_ONLY, Calendar, kinds_of
from duecourse.policy.packs.periods import MIDNIGHT, Hours
from duecourse.policy.packs.vocabulary import Day
from duecourse.policy.quiet_hours import Quiet
from duecourse.policy.windows import Window, first_open, stretches

PLACES = [ZoneInfo(name) for name in sorted(available_timezones()) if find_zone(name)]
NEW_YORK = ZoneInfo("America/New_York")
EVERY_DAY = frozenset(Day)
WEEK = frozenset(Day) - {Day.HOLIDAY}
moments = st.datetimes(
    datetime(2010, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
spans = (
    st.tuples(st.integers(0, MIDNIGHT), st.integers(0, MIDNIGHT)).filter(lambda span: span[0] != span[1]).map(sorted)
)
hours = st.builds(
    lambda span, days: Hours(days=days, start=span[0], end=span[1]),
    spans,
    st.frozensets(st.sampled_from(Day), min_size=1),
)
calendars = st.sampled_from([
    UNKNOWN,
    WEEKDAYS_ONLY,
    Calendar("US"),
    Calendar("BR", "SP"),
    Calendar("CN", None, True),
    Calendar("XX"),
])
#: The first day that a country's calendar is asked about takes its time.
unhurried = settings(deadline=None)
windows = st.builds(Window, st.lists(hours, max_size=3).map(tuple), calendars, st.sampled_from(PLACES))


def window(*allow: Hours, calendar: Calendar = WEEKDAYS_ONLY, zone: ZoneInfo = NEW_YORK) -> Window:
    return Window(allow, calendar, zone)


def hour(start: int, end: int, days: frozenset[Day] = EVERY_DAY) -> Hours:
    return Hours(days=days, start=start * 60, end=end * 60)


def by_the_clock(window: Window, moment: datetime) -> bool:
    """An hour that a wall clock shows, and the calendar on the same wall."""
    local = moment.astimezone(window.zone)
    minute = local.hour * 60 + local.minute
    kinds = kinds_of(window.calendar, local.date())
    return all(any(kind in one.days and one.start <= minute < one.end for one in window.hours) for kind in kinds)


@unhurried
@given(window=windows, moment=moments)
def test_no_hour_is_open_that_a_clock_on_the_wall_would_call_closed(window: Window, moment: datetime) -> None:
    if window.is_open(moment):
        assert by_the_clock(window, moment)


@unhurried
@given(window=windows, moment=moments)
def test_an_hour_that_the_wall_calls_open_is_closed_only_where_clocks_change(window: Window, moment: datetime) -> None:
    if by_the_clock(window, moment) and not window.is_open(moment):
        offsets = {(moment + timedelta(hours=h)).astimezone(window.zone).utcoffset() for h in range(-26, 27)}
        assert len(offsets) > 1


@unhurried
@given(window=windows, moment=moments)
def test_the_next_opening_is_open_and_nothing_before_it_is(window: Window, moment: datetime) -> None:
    opening = window.next_open(moment)
    if opening is None:
        assert not window.is_open(moment)
        return
    assert opening >= moment
    assert window.is_open(opening)
    if opening > moment:
        assert not window.is_open(moment)
        assert not window.is_open(opening - timedelta(microseconds=1))


@unhurried
@given(every=st.lists(windows, max_size=3), moment=moments)
def test_a_common_opening_is_open_for_all(every: list[Window], moment: datetime) -> None:
    opening = first_open(every, moment, moment + timedelta(days=9))
    if opening is not None:
        assert moment <= opening < moment + timedelta(days=9)
        assert all(window.is_open(opening) for window in every)


@unhurried
@given(
    every=st.lists(windows, min_size=1, max_size=3), moment=moments, later=st.timedeltas(timedelta(), timedelta(days=9))
)
def test_no_common_opening_comes_before_the_first(every: list[Window], moment: datetime, later: timedelta) -> None:
    give_up = moment + timedelta(days=10)
    if all(window.is_open(moment + later) for window in every):
        opening = first_open(every, moment, give_up)
        assert opening is not None
        assert opening <= moment + later


@given(
    moment=moments,
    zone=st.sampled_from(PLACES),
    start=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    end=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_what_quiet_hours_leave_open_is_not_quiet(moment: datetime, zone: ZoneInfo, start: time, end: time) -> None:
    if start == end:
        return
    quiet = Quiet(start=start, end=end)
    opening = window(*quiet.open_hours(), zone=zone).next_open(moment)
    assert opening is not None
    assert not quiet.covers(opening, zone)
    assert opening <= moment + timedelta(hours=50)


def test_hours_that_begin_while_clocks_go_back_begin_at_the_later_reading() -> None:
    opening = window(Hours(days=EVERY_DAY, start=90, end=20 * 60)).next_open(datetime(2018, 11, 4, 4, tzinfo=UTC))
    assert opening == datetime(2018, 11, 4, 6, 30, tzinfo=UTC)


def test_hours_that_end_while_clocks_go_back_end_at_the_earlier_reading() -> None:
    found = stretches(window(Hours(days=EVERY_DAY, start=0, end=90)), date(2018, 11, 4))
    assert found == ((datetime(2018, 11, 4, 4, tzinfo=UTC), datetime(2018, 11, 4, 5, 30, tzinfo=UTC)),)


def test_hours_that_begin_in_a_skipped_hour_begin_after_it() -> None:
    opening = window(Hours(days=EVERY_DAY, start=150, end=20 * 60)).next_open(datetime(2018, 3, 11, 5, tzinfo=UTC))
    assert opening == datetime(2018, 3, 11, 7, 30, tzinfo=UTC)


def test_the_day_that_samoa_never_had_has_no_hours() -> None:
    apia = window(hour(8, 20), zone=ZoneInfo("Pacific/Apia"))
    assert stretches(apia, date(2011, 12, 30)) == ()
    evening = datetime(2011, 12, 30, 7, tzinfo=UTC)  # 21:00 on the 29th; midnight is the 31st's
    assert apia.next_open(evening) == datetime(2011, 12, 30, 18, tzinfo=UTC)


def test_midnight_ends_a_day_and_begins_the_next() -> None:
    around_the_clock = window(hour(0, 24))
    assert around_the_clock.is_open(datetime(2026, 3, 2, 4, 59, 59, 999999, tzinfo=UTC))
    assert around_the_clock.is_open(datetime(2026, 3, 2, 5, tzinfo=UTC))


def test_a_holiday_is_neither_a_monday_nor_a_sunday() -> None:
    thanksgiving = date(2026, 11, 26)
    weekdays = window(hour(8, 20, WEEK), calendar=Calendar("US"))
    feasts = window(hour(8, 20, WEEK), hour(10, 12, frozenset({Day.HOLIDAY})), calendar=Calendar("US"))
    assert stretches(weekdays, thanksgiving) == ()
    assert stretches(feasts, thanksgiving) == (
        (datetime(2026, 11, 26, 15, tzinfo=UTC), datetime(2026, 11, 26, 17, tzinfo=UTC)),
    )


def test_a_state_may_have_holidays_of_its_own() -> None:
    constitution = date(2026, 7, 9)  # Sao Paulo's, 1932
    assert kinds_of(Calendar("BR", "SP"), constitution) == {Day.HOLIDAY}
    assert kinds_of(Calendar("BR"), constitution) == {Day.THU}
    assert kinds_of(Calendar("BR", "ZZ"), constitution) == {Day.THU}


def test_china_works_on_some_weekends_and_rests_on_some_weekdays() -> None:
    china = Calendar("CN", None, makeup_workdays=True)
    assert kinds_of(china, date(2026, 10, 5)) == {Day.HOLIDAY}
    assert kinds_of(china, date(2026, 10, 10)) == {Day.MON}
    assert kinds_of(Calendar("CN"), date(2026, 10, 10)) == {Day.SAT}
    assert kinds_of(china, date(2026, 11, 21)) == {Day.SAT}


def test_a_day_that_no_calendar_knows_is_open_only_if_it_would_be_so_either_way() -> None:
    far = date(2039, 3, 1)
    assert (
        kinds_of(Calendar("CN"), far)
        == kinds_of(UNKNOWN, far)
        == kinds_of(Calendar("XX"), far)
        == {Day.TUE, Day.HOLIDAY}
    )
    either = window(hour(8, 20, WEEK), hour(10, 18, frozenset({Day.HOLIDAY})), calendar=UNKNOWN, zone=ZoneInfo("UTC"))
    assert stretches(either, far) == ((datetime(2039, 3, 1, 10, tzinfo=UTC), datetime(2039, 3, 1, 18, tzinfo=UTC)),)
