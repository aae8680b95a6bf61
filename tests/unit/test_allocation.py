"""A payment is spread without losing or inventing a cent."""

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.allocation import DEFAULT_ORDER, Allocation, allocate, complete_order
from duecourse.domain.book import OpenInstalment
from duecourse.domain.vocabulary import Component

Book = Sequence[OpenInstalment]
Totals = dict[tuple[int, Component], int]

CENTS = st.integers(min_value=0, max_value=10_000)


@st.composite
def instalments(draw: st.DrawFn, number: int) -> OpenInstalment:
    due = {component: draw(CENTS) for component in Component}
    paid = {component: draw(st.integers(min_value=0, max_value=amount)) for component, amount in due.items()}
    day = date(2018, 7, 1) + timedelta(days=draw(st.integers(min_value=0, max_value=60)))
    return OpenInstalment(instalment_id=number, due_on=day, number=number, due=due, paid=paid)


BOOKS = st.integers(min_value=0, max_value=5).flatmap(
    lambda count: st.tuples(*(instalments(number) for number in range(1, count + 1)))
)
ORDERS = st.permutations(list(Component))


def left(item: OpenInstalment) -> int:
    return sum(item.due.values()) - sum(item.paid.values())


@given(st.integers(min_value=0, max_value=100_000), BOOKS, ORDERS)
def test_an_allocation_conserves_money(amount: int, book: Book, order: list[Component]) -> None:
    parts, rest = allocate(amount, book, order)
    assert sum(part.amount for part in parts) + rest == amount
    assert rest >= 0
    assert all(part.amount > 0 for part in parts)


@given(st.integers(min_value=0, max_value=100_000), BOOKS, ORDERS)
def test_no_component_is_paid_beyond_what_is_due(amount: int, book: Book, order: list[Component]) -> None:
    parts, rest = allocate(amount, book, order)
    missing = {(item.instalment_id, c): item.due[c] - item.paid[c] for item in book for c in Component}
    for part in parts:
        missing[part.instalment_id, part.component] -= part.amount
    assert all(amount >= 0 for amount in missing.values())
    assert rest == 0 or not any(missing.values())


@given(st.integers(min_value=1, max_value=100_000), BOOKS)
def test_an_instalment_gets_nothing_before_every_older_one_is_met(amount: int, book: Book) -> None:
    parts, _ = allocate(amount, book)
    given_to = {item.instalment_id: 0 for item in book}
    for part in parts:
        given_to[part.instalment_id] += part.amount
    queue = sorted(book, key=lambda item: (item.due_on, item.number))
    unmet = [given_to[item.instalment_id] < left(item) for item in queue]
    after_first_unmet = queue[unmet.index(True) + 1 :] if True in unmet else []
    assert all(given_to[item.instalment_id] == 0 for item in after_first_unmet)


@given(st.integers(min_value=0, max_value=100_000), BOOKS, ORDERS)
def test_splitting_a_payment_changes_nothing(amount: int, book: Book, order: list[Component]) -> None:
    whole, rest = allocate(amount, book, order)
    first, surplus = allocate(amount // 2, book, order)
    second, rest_of_split = allocate(surplus + amount - amount // 2, apply(book, first), order)
    assert (totals(whole), rest) == (totals([*first, *second]), rest_of_split)


def totals(parts: Sequence[Allocation]) -> Totals:
    sums: Totals = {}
    for part in parts:
        sums[part.instalment_id, part.component] = sums.get((part.instalment_id, part.component), 0) + part.amount
    return sums


def apply(book: Book, parts: Sequence[Allocation]) -> Book:
    sums = totals(parts)
    return [
        OpenInstalment(
            instalment_id=item.instalment_id, due_on=item.due_on, number=item.number, due=item.due,
            paid={c: item.paid[c] + sums.get((item.instalment_id, c), 0) for c in Component},
        )
        for item in book
    ]  # fmt: skip


def test_interest_is_paid_before_fee_principal_and_penalty() -> None:
    due = dict.fromkeys(Component, 100)
    item = OpenInstalment(instalment_id=1, due_on=date(2018, 7, 1), number=1, due=due, paid={})
    parts, _ = allocate(350, [item])
    assert [part.component for part in parts] == list(DEFAULT_ORDER)
    assert parts[-1] == Allocation(instalment_id=1, component=Component.PENALTY, amount=50)


def test_an_order_that_leaves_components_out_still_pays_all_four() -> None:
    assert complete_order((Component.PENALTY,)) == (
        Component.PENALTY, Component.INTEREST, Component.FEE, Component.PRINCIPAL,
    )  # fmt: skip
