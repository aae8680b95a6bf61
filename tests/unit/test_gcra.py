"""The rate limit in one process: never above its bound, and nothing wasted."""

from hypothesis import given
from hypothesis import strategies as st

from channels.gcra import SECOND, Cell, Rate

RATES = st.builds(Rate, per_s=st.floats(0.01, 5_000), burst=st.integers(1, 500))
STEPS = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 200)), min_size=1, max_size=60)


@given(rate=RATES, steps=STEPS)
def test_no_window_holds_more_than_rate_times_its_length_plus_burst(rate: Rate, steps: list[tuple[int, int]]) -> None:
    cell, now, grants = Cell(rate), 0, []
    for gap, want in steps:
        now += gap
        grants.append((now, cell.take(now, want)[0]))
    for first, (start, _) in enumerate(grants):
        for end in range(first, len(grants)):
            granted = sum(count for _, count in grants[first : end + 1])
            assert granted <= rate.burst + (grants[end][0] - start) / rate.emission + 1e-6


@given(rate=RATES, want=st.integers(1, 300))
def test_asking_again_when_told_never_comes_in_vain(rate: Rate, want: int) -> None:
    cell, now = Cell(rate), 0
    granted, wait = cell.take(now, want)
    while granted < want:
        now += wait
        more, wait = cell.take(now, want - granted)
        assert more > 0
        granted += more


def test_a_caller_that_comes_when_told_uses_the_whole_rate() -> None:
    cell, now, granted = Cell(Rate(per_s=400, burst=40)), 0, 0
    while now < 10 * SECOND:
        count, wait = cell.take(now, 100)
        granted += count
        now += wait
    assert granted >= 0.999 * 400 * 10


@given(rate=RATES, within=st.integers(0, 10 * SECOND), taken=st.integers(0, 100))
def test_what_is_left_can_be_taken_then_as_far_as_the_burst_allows(rate: Rate, within: int, taken: int) -> None:
    cell = Cell(rate)
    cell.take(0, taken)
    left = cell.left(0, within)
    assert cell.take(within, 1_000_000)[0] == min(left, rate.burst)


@given(per_s=st.floats(0.01, 100), burst=st.integers(1, 50), within=st.integers(0, 2 * SECOND))
def test_an_eager_caller_gets_all_that_was_left_and_no_more(per_s: float, burst: int, within: int) -> None:
    cell = Cell(Rate(per_s=per_s, burst=burst))
    left, had, now = cell.left(0, within), 0, 0
    while now <= within:
        count, wait = cell.take(now, 1_000_000)
        had, now = had + count, now + wait
    had += cell.take(within, 1_000_000)[0]
    assert left - 1 <= had <= left


def test_what_was_given_back_can_be_taken_again_but_never_more_than_the_burst() -> None:
    cell = Cell(Rate(per_s=10, burst=5))
    assert cell.take(0, 5) == (5, 0)
    cell.give(0, 3)
    assert cell.take(0, 9)[0] == 3
    cell.give(0, 1_000)
    assert cell.take(0, 9)[0] == 5


def test_a_pause_grants_nothing_until_it_is_over_and_a_shorter_one_does_not_end_it() -> None:
    cell = Cell(Rate(per_s=10, burst=5))
    cell.pause(0, 2 * SECOND)
    cell.pause(0, SECOND)
    assert cell.take(SECOND, 1) == (0, SECOND)
    assert cell.left(SECOND, SECOND // 2) == 0
    assert cell.left(SECOND, 2 * SECOND) == 15
    assert cell.take(2 * SECOND, 9)[0] == 5


@given(rate=RATES, workers=st.integers(1, 16))
def test_local_shares_add_up_to_less_than_the_rate(rate: Rate, workers: int) -> None:
    share = rate.share(0.8 / workers)
    assert share.per_s * workers <= rate.per_s
    assert share.burst >= 1
