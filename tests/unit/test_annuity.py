"""The schedule's arithmetic, in whole cents."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.annuity import annuity, instalment_amount, month_after

LOANS = st.tuples(
    st.integers(min_value=1, max_value=10**9),
    st.decimals(min_value=0, max_value=60, places=2),
    st.integers(min_value=1, max_value=120),
)


@given(LOANS)
def test_the_principals_add_up_to_the_loan(loan: tuple[int, Decimal, int]) -> None:
    assert sum(share.principal for share in annuity(*loan)) == loan[0]


@given(LOANS)
def test_no_instalment_is_negative_and_none_exceeds_the_equal_amount(loan: tuple[int, Decimal, int]) -> None:
    amount = instalment_amount(*loan)
    shares = annuity(*loan)
    assert len(shares) == loan[2]
    assert all(share.principal >= 0 and share.interest >= 0 for share in shares)
    assert all(share.principal + share.interest <= amount for share in shares[:-1])


@given(LOANS.filter(lambda loan: loan[0] >= 100 * loan[2]))
def test_the_last_instalment_is_not_larger_than_rounding_explains(loan: tuple[int, Decimal, int]) -> None:
    last = annuity(*loan)[-1]
    assert last.principal + last.interest <= instalment_amount(*loan) + loan[2]


def test_a_published_schedule_is_met_to_the_cent() -> None:
    assert instalment_amount(2_800_000, Decimal("14.07"), 60) == 65_253
    first = annuity(2_800_000, Decimal("14.07"), 60)[:3]
    assert [share.interest for share in first] == [32_830, 32_450, 32_065]


def test_an_interest_free_loan_is_split_evenly() -> None:
    assert [share.principal for share in annuity(100, Decimal(0), 3)] == [34, 34, 32]


@pytest.mark.parametrize(
    ("months", "expected"), [(1, date(2018, 2, 28)), (12, date(2019, 1, 28)), (60, date(2023, 1, 28))]
)
def test_due_dates_fall_on_the_same_day_of_later_months(months: int, expected: date) -> None:
    assert month_after(date(2018, 1, 1), months, 28) == expected
