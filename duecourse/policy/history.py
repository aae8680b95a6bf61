"""What happened between lender and borrower, as far as a rule may ask: touches, stops, evidence. No personal data."""

from datetime import datetime

from duecourse.domain.value import value
from duecourse.policy.packs.clauses import CapUnit
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import AgentKind, Direction, Medium, Override, Purpose, StopEvent, TouchOutcome


@value
class Touch:
    """One contact that was made, tried or may have been made: by us, a person, an agency or another system.

    What is proved unsent is no touch.
    """

    when: datetime
    """Aware, business time."""
    medium: Medium
    outcome: TouchOutcome = TouchOutcome.UNKNOWN
    direction: Direction = Direction.OUTBOUND
    agent: AgentKind = AgentKind.MACHINE
    number: str | None = None
    """Which number or address: a contact point's id or blind index, never the number. None counts for every number."""
    debts: tuple[int, ...] = ()
    """Loan ids that it was about. Empty counts for every debt."""
    purpose: Purpose | None = None
    """None counts for every purpose."""
    requested: bool = False
    """The borrower had asked for it."""
    consented: bool = False
    """The borrower had agreed to it directly beforehand."""


@value
class Stop:
    """Something the borrower said or suffered that may close doors: see `StopEvent`."""

    event: StopEvent
    when: datetime
    until: datetime | None = None
    """Lifted or ended then; None is open."""
    channels: frozenset[Medium] = frozenset()
    """Which ways it names; empty is all."""
    purposes: frozenset[Purpose] = frozenset()
    """Which topics it names; empty is all."""
    debts: tuple[int, ...] = ()
    """Which loans it names; empty is all."""
    evidence: str | None = None


@value
class Evidence:
    """Something on record that lifts a rule which says that this may lift it."""

    id: str
    kind: Override
    given_at: datetime
    expires_at: datetime | None = None
    rules: frozenset[str] = frozenset()
    """Ids of the rules it is about; empty is every rule that names its kind."""
    channels: frozenset[Medium] = frozenset()
    """Empty is all."""
    purposes: frozenset[Purpose] = frozenset()
    """Empty is all."""
    hours: tuple[Hours, ...] = ()
    """For agreed hours: it lifts a window then and there only. Empty is any hour."""


#: How the evidence that a person's decision is begins.
REVIEWED = "review"


@value
class Allowance:
    """A person looked at this very contact and allowed what these rules had left to them."""

    id: str
    """`review:17`."""
    rules: frozenset[str]


_U = CapUnit
_TRIED = frozenset({_U.ATTEMPT})

#: What each outcome counts as. Nobody knows yet what an unknown one was: it counts as all that it may have been.
COUNTS_AS: dict[TouchOutcome, frozenset[CapUnit]] = {
    TouchOutcome.UNKNOWN: frozenset(CapUnit),
    TouchOutcome.NOT_CONNECTED: _TRIED | {_U.UNANSWERED_ATTEMPT},
    TouchOutcome.UNANSWERED: _TRIED | {_U.UNANSWERED_ATTEMPT, _U.REMINDER},
    TouchOutcome.UNDELIVERED: _TRIED | {_U.UNANSWERED_ATTEMPT},
    TouchOutcome.DELIVERED: _TRIED | {_U.DELIVERED, _U.CONTACT_MADE, _U.REMINDER},
    TouchOutcome.ANSWERED: _TRIED | {_U.DELIVERED, _U.CONTACT_MADE, _U.REMINDER},
    TouchOutcome.CONVERSATION: _TRIED | {_U.DELIVERED, _U.CONTACT_MADE, _U.REMINDER, _U.CONVERSATION},
}
