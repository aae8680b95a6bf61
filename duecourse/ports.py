"""What the use cases need of the world, as Protocols. Adapters implement them; `bootstrap` joins the two.

Ledger methods run inside the caller's transaction: nothing is committed until the `async with` ends well.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from duecourse.domain.book import ContactPoint, DueItem
from duecourse.domain.contact import AttemptKind, ContactState, Disposition
from duecourse.domain.message import Capability, Outbound, Outcome, Receipt, Rendered, WebhookRequest
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.policy.facts import ContactFacts


class Channel(Protocol):
    """One provider account of one channel. See docs/adding-a-provider.md."""

    name: str
    capability: Capability

    async def open(self) -> None:
        """Make connections. Called in the event loop that will send."""
        ...

    async def aclose(self) -> None: ...

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        """One outcome per message, in order. Never raises for what the provider or the network does."""
        ...

    async def look_up(self, message: Outbound) -> Outcome | None:
        """What became of `message.reference`; None where the provider knows nothing of it.

        Raises nothing for the network: an outcome of class UNKNOWN or TRANSIENT says that it could not be asked.
        """
        ...

    def verify(self, request: WebhookRequest) -> bool:
        """True where the request is surely the provider's: constant time, before any parsing."""
        ...

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        """What a verified request says. Items that make no sense are left out, the rest is kept."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderTerms:
    """What time does to a call whose end is unknown, per provider account. Seconds."""

    provider: str
    resolution: Resolution
    settle_s: float
    window_s: float
    horizon_s: float


class Limiter(Protocol):
    """A provider account's rate, shared by all workers."""

    async def take(self, provider: str, want: int) -> "Grant": ...

    async def give_back(self, provider: str, count: int) -> None: ...

    async def left(self, provider: str, within_s: float) -> int:
        """How many more could be granted during the next seconds. Takes nothing."""
        ...

    async def pause(self, provider: str, seconds: float) -> None:
        """The provider asked for silence: all workers stop."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """`granted` of what was wanted; the rest may be asked for after `wait_s`."""

    granted: int
    wait_s: float = 0.0


class Owner(Protocol):
    """This process as an owner of leases: it holds the session lock of its id for as long as it lives."""

    async def current(self) -> int:
        """The id under which leases may be taken now; a new one where the old session was lost."""
        ...


class Queue(Protocol):
    """The hint bus. Losing or doubling a hint changes latency only."""

    async def hint(self, channel: ChannelKind, contact_ids: Sequence[int]) -> None: ...

    async def hint_inbox(self) -> None: ...


class Texts(Protocol):
    """Turns a template and what is due into words."""

    def render(self, request: "TextRequest") -> Rendered:
        """Raises TemplateError where the template or a variable is missing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRequest:
    template: str
    channel: ChannelKind
    locale: str
    name: str = field(repr=False)
    due_on: date
    items: tuple[DueItem, ...]
    contact_id: int
    """For the unsubscribe link."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
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


class Judged(NamedTuple):
    """A contact that does not leave now, and why."""

    contact: Claimable
    verdict: Verdict
    state: ContactState


@dataclass(frozen=True, kw_only=True, slots=True)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanWindow:
    """Business instants: rungs that fire before `until` and are not too late at `now`."""

    now: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanPage:
    """What one page planned and how far it read: `after` is the last (due date, borrower id)."""

    planned: int
    read: int
    after: tuple[date, int]

    @classmethod
    def first(cls) -> "PlanPage":
        return cls(planned=0, read=-1, after=(date.min, 0))

    @property
    def ended(self) -> bool:
        return self.read == 0


class Transaction(Protocol):
    """What can be done inside one transaction: one attribute per aggregate, each a class in `duecourse.ledger`."""

    @property
    def book(self) -> Any: ...

    @property
    def contacts(self) -> Any: ...

    @property
    def planning(self) -> Any: ...

    @property
    def releases(self) -> Any: ...

    @property
    def claims(self) -> Any: ...

    @property
    def settlements(self) -> Any: ...

    @property
    def sweeps(self) -> Any: ...

    @property
    def events(self) -> Any: ...

    @property
    def inbox(self) -> Any: ...

    @property
    def matches(self) -> Any: ...

    @property
    def receipts(self) -> Any: ...

    @property
    def stories(self) -> Any: ...


class Ledger(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...
