"""A contact's states and its id."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.address import DebtorAddress
from duecourse.domain.contact import (
    PENDING,
    SETTLED,
    TRANSITIONS,
    ContactState,
    due_month,
    due_range,
    month_base,
)
from duecourse.domain.errors import InputError
from duecourse.domain.letter import Letter
from duecourse.domain.message import Rendered

days = st.dates(date(1900, 1, 1), date(9990, 1, 1))


@given(days, st.integers(0, 2**36 - 1))
def test_an_id_alone_tells_the_due_month_and_fits_in_json(day: date, number: int) -> None:
    contact_id = month_base(day) + number

    assert due_month(contact_id) == day.replace(day=1)
    assert contact_id < 2**53


@given(st.lists(days, min_size=1))
def test_the_range_of_ids_holds_every_due_date_of_theirs(dates: list[date]) -> None:
    first, last = due_range([month_base(day) for day in dates])

    assert all(first <= day < last for day in dates)


@pytest.mark.parametrize("nonsense", [0, 5, -1])
def test_a_number_that_is_no_contact_id_is_named(nonsense: int) -> None:
    with pytest.raises(InputError, match=f"{nonsense} is no contact id"):
        due_month(nonsense)


def test_delivered_is_the_end_and_nothing_leads_back_from_what_was_sent() -> None:
    assert TRANSITIONS[ContactState.DELIVERED] == frozenset()
    for state in (ContactState.ACCEPTED, ContactState.DELIVERED, ContactState.UNDELIVERED, ContactState.ASSUMED_SENT):
        assert not TRANSITIONS[state] & {ContactState.PLANNED, ContactState.RELEASED, ContactState.SENDING}


def test_only_released_contacts_can_be_sent_and_only_sending_ones_can_be_in_doubt() -> None:
    assert {s for s in ContactState if ContactState.SENDING in TRANSITIONS[s]} == {ContactState.RELEASED}
    assert {s for s in ContactState if ContactState.UNKNOWN in TRANSITIONS[s]} == {ContactState.SENDING}


def test_what_is_settled_never_becomes_pending_again() -> None:
    for state in SETTLED:
        assert not TRANSITIONS[state] & PENDING


@given(st.text(), st.text(), st.none() | st.text(), st.dictionaries(st.text(), st.text()))
def test_a_frozen_letter_thaws_to_the_same_and_freezes_to_the_same_bytes(
    to: str, text: str, subject: str | None, headers: dict[str, str]
) -> None:
    letter = Letter(
        to=DebtorAddress(to), locale="en", body=Rendered(text=text, subject=subject, headers=headers, segments=2)
    )

    frozen = letter.freeze()

    assert Letter.thaw(frozen) == letter
    assert Letter.thaw(frozen).freeze() == frozen
