"""The world outside: providers, their limits, texts, the hint bus, and this process as an owner of leases."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from duecourse.domain.book import DueItem
from duecourse.domain.message import Capability, Outbound, Outcome, Receipt, Rendered, WebhookRequest
from duecourse.domain.value import value
from duecourse.domain.vocabulary import ChannelKind, Resolution, Urgency


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """`granted` of what was wanted; the rest may be asked for after `wait_s`."""

    granted: int
    wait_s: float = 0.0


class Limiter(Protocol):
    """A provider account's rate, shared by all workers.

    `priority` runs from 0, the most urgent, to 9; each class of priorities has a guaranteed share. `endpoint` names one
    of the account's that may have a limit of its own.
    """

    async def take(self, provider: str, want: int, *, priority: int = 5, endpoint: str = "") -> "Grant": ...

    async def give_back(self, provider: str, count: int, *, endpoint: str = "") -> None: ...

    async def left(self, provider: str, within_s: float, *, priority: int = 5, endpoint: str = "") -> int:
        """How many more could be granted during the next seconds. Takes nothing."""
        ...

    async def pause(self, provider: str, seconds: float) -> None:
        """The provider asked for silence: all workers stop, and then go slower for a while."""
        ...

    def recipient_every_s(self, provider: str) -> float | None:
        """Seconds between two messages to one recipient; None where the provider does not mind."""
        ...

    async def take_recipients(self, provider: str, keys: Sequence[str]) -> list[bool]:
        """For each recipient, whether the provider may be called for them now; True takes it from their limit.

        `keys` are blind indexes or hashes, never addresses.
        """
        ...


@value
class TextRequest:
    template: str
    channel: ChannelKind
    locale: str
    name: str = field(repr=False)
    due_on: date
    items: tuple[DueItem, ...]
    contact_id: int
    """For the unsubscribe link."""


class Texts(Protocol):
    """Turns a template and what is due into words."""

    def render(self, request: "TextRequest") -> Rendered:
        """Raises TemplateError where the template or a variable is missing."""
        ...


class Owner(Protocol):
    """This process as an owner of leases: it holds the session lock of its id for as long as it lives."""

    async def current(self) -> int:
        """The id under which leases may be taken now; a new one where the old session was lost."""
        ...


class Queue(Protocol):
    """The hint bus. Losing or doubling a hint changes latency only."""

    async def hint(self, channel: ChannelKind, urgency: Urgency, contact_ids: Sequence[int]) -> None: ...

    async def hint_inbox(self) -> None: ...
