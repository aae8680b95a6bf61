"""Where the virtual clock stops next."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from duecourse.simulator.stepping import GRID, REACH, next_step, rounded_up

NOON = datetime(2018, 7, 2, 12, tzinfo=UTC)
END = NOON + timedelta(days=10)
instants = st.datetimes(datetime(2018, 1, 1), datetime(2019, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.lists(st.none() | instants))
def test_the_clock_always_moves_forward_and_never_past_the_end_or_its_reach(
    now: datetime, due: list[datetime | None]
) -> None:
    end = now + timedelta(days=1)
    step = next_step(now, due, end)
    assert now < step <= end
    assert step <= rounded_up(now + REACH)


@given(instants, instants)
def test_nothing_due_waits_longer_than_the_grid_once_its_time_has_come(now: datetime, due: datetime) -> None:
    step = next_step(now, [due], now + timedelta(days=1))
    assert due <= now or step <= max(rounded_up(due), rounded_up(now + timedelta(microseconds=1)))


@given(instants)
def test_rounding_finds_the_first_instant_of_the_grid(at: datetime) -> None:
    up = rounded_up(at)
    assert at <= up < at + GRID
    assert (up - NOON) % GRID == timedelta(0)


def test_retries_a_few_seconds_apart_share_a_step() -> None:
    due = [NOON + timedelta(seconds=21), NOON + timedelta(seconds=48)]
    assert next_step(NOON, due, END) == NOON + timedelta(minutes=5)


def test_what_is_due_on_the_grid_is_met_exactly() -> None:
    assert next_step(NOON, [NOON + timedelta(minutes=30)], END) == NOON + timedelta(minutes=30)


def test_with_nothing_due_the_clock_still_goes_on() -> None:
    assert next_step(NOON, [None], END) == NOON + REACH


def test_the_last_step_is_the_end_whatever_the_grid_says() -> None:
    end = NOON + timedelta(minutes=7)
    assert next_step(NOON + timedelta(minutes=5), [], end) == end
