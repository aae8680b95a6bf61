"""The values that pass between the claim, the send and the settle, and between pages of a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import inf
from typing import NamedTuple

from duecourse.domain.book import ContactPoint, DueItem
from duecourse.domain.contact import AttemptKind, ContactState, Disposition
from duecourse.domain.message import Outcome
from duecourse.domain.value import value
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.facts import ContactFacts
from duecourse.ports.routing import STRAIGHT, Way


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """The call whose end is unknown: what a same-key call or a look-up needs."""

    provider: str
    number: int
    reference: str
    idempotency_key: str
    letter: bytes = field(repr=False)
    """The frozen message, byte for byte: see `Letter`."""
    armed_at: datetime
    """Lease time."""
    negatives: int
    """How often the provider said that it knows nothing of it."""


@value
class Claimable:
    """A contact locked for the claim, with all that the gate and the text need."""

    contact_id: int
    due_on: date
    borrower_id: int
    channel: ChannelKind
    state: ContactState
    template: str
    locale: str
    name: str = field(repr=False)
    point: ContactPoint | None
    items: tuple[DueItem, ...]
    facts: ContactFacts
    attempts: int
    """How many attempts were armed before."""
    failures: int
    """How many of them count against the budget of tries: transient ones, not throttled ones."""
    fence: int
    not_after: datetime
    local_day: date
    """Today where the borrower is; in UTC where that is unknown."""
    held: Held | None = None
    """Set where the state is unknown."""
    readable: bool = True
    """False where name, address or text stay shut: the borrower was erased, or the row is damaged."""


class Judged(NamedTuple):
    """A contact that does not leave now, and why."""

    contact: Claimable
    verdict: Verdict
    state: ContactState


@value
class Armed:
    """The one durable permission to call the provider once: an attempt row, committed before the first byte."""

    contact: Claimable
    verdict: Verdict
    kind: AttemptKind
    provider: str
    number: int
    fence: int
    reference: str
    idempotency_key: str
    letter: bytes = field(repr=False)
    within_s: float = inf
    """Seconds from the claim to the contact's not-after: no first byte later than that."""
    way: Way = STRAIGHT


class Postponed(NamedTuple):
    """An unknown contact that cannot be resolved now: asked again after `wait_s`; None leaves it to the horizon."""

    contact: Claimable
    verdict: Verdict | None
    wait_s: float | None


class Answered(NamedTuple):
    """A call and what came back; None where a look-up found nothing."""

    armed: Armed
    outcome: Outcome | None


class Settlement(NamedTuple):
    """What one call came to, and where that takes its contact."""

    armed: Armed
    outcome: Outcome
    disposition: Disposition


class Settled(NamedTuple):
    """Ids of contacts, by what a settle did to them."""

    recorded: frozenset[int]
    """The outcome was written: the attempt exists, and had none."""
    moved: frozenset[int]
    """The contact went where its call took it."""
    late: frozenset[int]
    """It had moved on, and late evidence made it accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanWindow:
    """Business instants: rungs that fire before `until` and are not too late at `now`."""

    now: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanPage:
    """What one page planned and how far it read: `after` is the last (due date, borrower id), `last` the end."""

    planned: Mapping[str, int]
    """How many contacts, by the name of the rung."""
    after: tuple[date, int]
    more: bool
    """The page was full, so there may be another."""
    last: date = date.max
    """The last due date that it and its followers read."""

    @classmethod
    def first(cls) -> "PlanPage":
        """Before the first page."""
        return cls(planned={}, after=(date.min, 0), more=True)

    def by_day(self) -> "list[PlanPage]":
        """Before the rest of its day, and before each day that follows: they can be planned side by side."""
        day, _ = self.after
        rest = [replace(self, planned={}, last=day)]
        days = range(1, (self.last - day).days + 1)
        return rest + [replace(self, planned={}, after=(at, 0), last=at) for at in (day + timedelta(n) for n in days)]
