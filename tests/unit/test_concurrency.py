"""How many calls a worker may have open: bounded, quick to fall, steady to rise, never none."""

from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.routing.concurrency import Pace, Sample, after

MOST = 400
samples = st.builds(
    Sample,
    calls=st.integers(0, 200),
    latency_s=st.floats(0.001, 30),
    throttled=st.integers(0, 200),
    open=st.integers(0, 1_000),
)
steps = st.lists(st.tuples(samples, st.floats(0, 5)), max_size=60)


@settings(deadline=None)
@given(steps=steps, most=st.integers(1, 5_000))
def test_the_limit_stays_between_one_and_what_is_configured(steps: list[tuple[Sample, float]], most: int) -> None:
    pace, now = Pace.full(most), 0.0
    for sample, passed in steps:
        now += passed
        pace = after(pace, sample, now)
        assert 1 <= pace.room <= most
        assert pace.limit <= most


@settings(deadline=None)
@given(steps=steps, sample=samples)
def test_it_never_rises_faster_than_a_twentieth_of_the_bound_a_second(
    steps: list[tuple[Sample, float]], sample: Sample
) -> None:
    pace, now = Pace.full(MOST), 0.0
    for seen, passed in steps:
        now += passed
        before, pace = pace, after(pace, seen, now)
        assert pace.limit - before.limit <= MOST * 0.05 * min(passed, 1.0) + 1e-6 or before.seen_at is None
        # A second group in the same instant changes nothing upwards.
        assert after(pace, sample, now).limit <= pace.limit + 1e-9


@settings(deadline=None)
@given(latency=st.floats(0.001, 0.99), calls=st.integers(1, 100))
def test_a_provider_that_answers_within_a_second_is_never_slowed(latency: float, calls: int) -> None:
    pace = Pace.full(MOST)
    for second in range(20):
        pace = after(pace, Sample(calls=calls, latency_s=latency, open=calls), float(second))
    assert pace.limit == MOST


def test_slow_answers_lower_the_limit_from_what_was_open() -> None:
    pace = after(Pace.full(MOST), Sample(calls=100, latency_s=6.0, open=100), 10.0)
    assert pace.room == 70


def test_throttled_answers_lower_it_as_well_but_one_among_many_does_not() -> None:
    assert after(Pace.full(MOST), Sample(calls=100, latency_s=0.1, throttled=20, open=100), 1.0).room == 70
    assert after(Pace.full(MOST), Sample(calls=100, latency_s=0.1, throttled=1, open=100), 1.0).room == MOST


def test_one_congestion_counts_once_however_many_groups_show_it() -> None:
    slow = Sample(calls=100, latency_s=6.0, open=300)
    pace = after(Pace.full(MOST), slow, 10.0)
    assert after(after(pace, slow, 10.1), slow, 12.0).limit == pace.limit
    assert after(pace, slow, 16.1).limit < pace.limit


def test_it_falls_to_one_under_lasting_congestion_and_comes_back() -> None:
    pace, now = Pace.full(MOST), 0.0
    for _ in range(40):
        now += 7.0
        pace = after(pace, Sample(calls=pace.room, latency_s=6.5, open=pace.room), now)
    assert pace.room == 1
    for _ in range(25):
        now += 1.0
        pace = after(pace, Sample(calls=1, latency_s=0.05, open=1), now)
    assert pace.room == MOST


def test_a_provider_that_is_always_slow_is_measured_by_its_own_custom() -> None:
    pace = Pace.full(MOST)
    for second in range(0, 20, 2):
        pace = after(pace, Sample(calls=10, latency_s=1.5, open=10), float(second))
    fell = pace.limit
    for second in range(20, 120):
        pace = after(pace, Sample(calls=10, latency_s=1.5, open=10), float(second))
    assert fell < 5
    assert pace.limit > fell
