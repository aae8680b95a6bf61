"""Who is likely to miss is reminded differently from who never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.vocabulary import Audience
from duecourse.risk.audience import PROVEN_AFTER, classify, riskiest

counts = st.integers(0, 100)


@given(missed=counts, met=counts, autopay=st.booleans())
def test_a_first_instalment_is_high_risk_whatever_else_is_known(*, missed: int, met: int, autopay: bool) -> None:
    assert classify(first=True, missed=missed, met=met, autopay=autopay) is Audience.HIGH


@given(missed=st.integers(1, 100), met=counts, autopay=st.booleans(), first=st.booleans())
def test_an_earlier_miss_is_high_risk_even_with_autopay(*, missed: int, met: int, autopay: bool, first: bool) -> None:
    assert classify(first=first, missed=missed, met=met, autopay=autopay) is Audience.HIGH


@given(met=counts)
def test_autopay_without_a_miss_is_low_risk(met: int) -> None:
    assert classify(first=False, missed=0, met=met, autopay=True) is Audience.LOW


@given(met=counts)
def test_a_clean_record_becomes_low_risk_with_its_sixth_instalment(met: int) -> None:
    proven = classify(first=False, missed=0, met=met, autopay=False) is Audience.LOW
    assert proven == (met >= PROVEN_AFTER)
    assert proven or classify(first=False, missed=0, met=met, autopay=False) is Audience.STANDARD


@given(bands=st.lists(st.sampled_from(Audience), min_size=1))
def test_one_risky_loan_makes_the_due_date_risky_and_only_safe_ones_make_it_safe(bands: list[Audience]) -> None:
    assert (riskiest(bands) is Audience.HIGH) == (Audience.HIGH in bands)
    assert (riskiest(bands) is Audience.LOW) == (set(bands) == {Audience.LOW})


def test_a_day_on_which_nothing_is_due_has_no_band() -> None:
    with pytest.raises(ValueError, match="nothing is due"):
        riskiest([])
