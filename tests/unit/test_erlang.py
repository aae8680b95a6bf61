"""Erlang's C formula against published examples, and against the textbook's sum in exact fractions."""

from fractions import Fraction
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.simulator.forward.erlang import agents_needed, service_level, waiting_probability


@pytest.mark.parametrize(
    ("agents", "waits", "within_20_s"),
    [(11, 0.682, 0.390), (12, 0.449, 0.640), (13, 0.285, 0.796), (14, 0.174, 0.888), (15, 0.102, 0.941)],
)
def test_a_hundred_calls_of_three_minutes_in_half_an_hour_as_published(
    agents: int, waits: float, within_20_s: float
) -> None:
    """The worked example of callcentrehelper.com, "Erlang C formula": 10 erlangs, 80 % within 20 s, 14 agents."""
    assert waiting_probability(10, agents) == pytest.approx(waits, abs=6e-4)
    assert service_level(10, agents, within_s=20, call_s=180) == pytest.approx(within_20_s, abs=6e-4)


def test_the_fewest_people_for_eighty_in_twenty_seconds_as_published() -> None:
    assert agents_needed(200, call_s=180) == 14


def test_three_hundred_and_sixty_calls_of_four_minutes_in_half_an_hour_as_published() -> None:
    """M. Tanner, mitan.co.uk, "The Erlang-C formula": 48 erlangs, 55 agents: 23.9 % wait, 84.6 % within 15 s."""
    assert waiting_probability(48, 55) == pytest.approx(0.239, abs=5e-4)
    assert service_level(48, 55, within_s=15, call_s=240) == pytest.approx(0.846, abs=5e-4)


@given(tenths=st.integers(0, 400), agents=st.integers(1, 40))
def test_the_recursion_is_the_textbooks_sum(tenths: int, agents: int) -> None:
    load = Fraction(tenths, 10)
    if load >= agents:
        assert waiting_probability(float(load), agents) == 1.0
        return
    last = load**agents / factorial(agents) * Fraction(agents) / (agents - load)
    exact = last / (sum(load**n / Fraction(factorial(n)) for n in range(agents)) + last)
    assert waiting_probability(float(load), agents) == pytest.approx(float(exact), rel=1e-9, abs=1e-15)


@given(calls=st.floats(0.01, 2_000), call_s=st.floats(10, 3_600), level=st.floats(0, 0.99))
def test_one_person_less_is_not_enough(calls: float, call_s: float, level: float) -> None:
    agents = agents_needed(calls, call_s=call_s, level=level)
    load = calls * call_s / 3600
    assert service_level(load, agents, within_s=20, call_s=call_s) >= level
    assert agents == 1 or service_level(load, agents - 1, within_s=20, call_s=call_s) < level or load >= agents - 1


def test_nobody_is_needed_where_nobody_rings() -> None:
    assert agents_needed(0, call_s=300) == 0


def test_an_overload_is_answered_by_nobody_in_time() -> None:
    assert service_level(5, 5, within_s=20, call_s=300) == 0.0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="load"):
        waiting_probability(-1, 3)
    with pytest.raises(ValueError, match="agents"):
        waiting_probability(1, 0)
    with pytest.raises(ValueError, match="level"):
        agents_needed(10, call_s=60, level=1.0)
