"""Which part of a payment meets which component of which instalment: the oldest instalment first, nothing lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duecourse.domain.book import OpenInstalment
from duecourse.domain.vocabulary import Component

#: What is paid first inside one instalment.
DEFAULT_ORDER = (Component.INTEREST, Component.FEE, Component.PRINCIPAL, Component.PENALTY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocation:
    """A part of a payment, in minor units."""

    instalment_id: int
    component: Component
    amount: int


def complete_order(order: Sequence[Component]) -> tuple[Component, ...]:
    """`order` without repetitions, and after it what it leaves out in the default order: all four are always paid."""
    return tuple(dict.fromkeys((*order, *DEFAULT_ORDER)))


def allocate(
    amount: int, instalments: Iterable[OpenInstalment], order: Sequence[Component] = DEFAULT_ORDER
) -> tuple[list[Allocation], int]:
    """Spread `amount` minor units over open instalments, the earliest due first.

    Returns:
        What was allocated, each part above zero, and what is left over: the parts and the rest add up to `amount`.
    """
    parts: list[Allocation] = []
    components = complete_order(order)
    for instalment in sorted(instalments, key=lambda item: (item.due_on, item.number)):
        for component in components:
            missing = instalment.due.get(component, 0) - instalment.paid.get(component, 0)
            taken = min(amount, missing)
            if taken > 0:
                parts.append(Allocation(instalment_id=instalment.instalment_id, component=component, amount=taken))
                amount -= taken
        if not amount:
            break
    return parts, amount
