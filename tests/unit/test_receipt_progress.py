from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.contact import TRANSITIONS, ContactState, month_base
from duecourse.domain.envelope import delivery_key, freeze_request, thaw_request
from duecourse.domain.message import WebhookRequest
from duecourse.domain.receipt import contact_of
from duecourse.domain.vocabulary import ReceiptKind
from duecourse.policy.receipts import progress

states, kinds = st.sampled_from(ContactState), st.sampled_from(ReceiptKind)


@given(state=states, kind=kinds, latest=st.booleans())
def test_a_receipt_never_moves_a_contact_where_the_table_does_not_let_it(
    state: ContactState, kind: ReceiptKind, *, latest: bool
) -> None:
    step = progress(state, kind, latest=latest)

    assert step.state is None or step.state in TRANSITIONS[state]


@given(states, st.lists(st.tuples(kinds, st.booleans())))
def test_delivered_is_never_overwritten(state: ContactState, receipts: list[tuple[ReceiptKind, bool]]) -> None:
    seen = [state]
    for kind, latest in receipts:
        seen.append(progress(seen[-1], kind, latest=latest).state or seen[-1])

    if ContactState.DELIVERED in seen:
        assert set(seen[seen.index(ContactState.DELIVERED) :]) == {ContactState.DELIVERED}


@given(
    st.sampled_from([ContactState.SENDING, ContactState.UNKNOWN, ContactState.ACCEPTED]),
    st.permutations(list(ReceiptKind)),
)
def test_the_end_does_not_depend_on_the_order_of_receipts(state: ContactState, order: list[ReceiptKind]) -> None:
    for kind in order:
        state = progress(state, kind, latest=True).state or state

    assert state is ContactState.DELIVERED


def test_an_undelivered_earlier_try_says_nothing_of_the_latest() -> None:
    step = progress(ContactState.ACCEPTED, ReceiptKind.UNDELIVERED, latest=False)

    assert (step.state, step.ignored) == (None, "earlier-attempt")


@pytest.mark.parametrize("reference", ["", "7", "7-", "-1", "x-1", "7-1", "99999999999999999999-1", "1-2-3", "٣-١"])
def test_a_reference_that_is_none_of_ours_is_nobodys(reference: str) -> None:
    assert contact_of(reference) is None


def test_our_reference_names_its_contact() -> None:
    contact_id = month_base(date(2018, 3, 1)) + 42

    assert contact_of(f"{contact_id}-1") == contact_id


@given(st.binary(max_size=300), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_a_frozen_call_thaws_to_itself(body: bytes, headers: dict[str, str]) -> None:
    call = WebhookRequest(url="https://lender.example/webhooks/a?x=é", headers=headers, body=body)

    assert thaw_request(freeze_request(call)) == call


def test_a_retried_call_has_the_key_of_the_first() -> None:
    first = WebhookRequest(url="u", headers={"webhook-id": "m1", "webhook-timestamp": "1"}, body=b"{}")
    again = WebhookRequest(url="u", headers={"webhook-id": "m1", "webhook-timestamp": "2"}, body=b"{}")
    other = WebhookRequest(url="u", headers={"webhook-id": "m2", "webhook-timestamp": "1"}, body=b"{}")

    assert delivery_key("a", first) == delivery_key("a", again)
    assert len({delivery_key("a", first), delivery_key("a", other), delivery_key("b", first)}) == 3
