"""What goes to a provider and what comes back: the values of the adapter contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from duecourse.domain.address import DebtorAddress
from duecourse.domain.value import value
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, ReceiptKind, Resolution


@value
class Rendered:
    """A text ready to leave. Which parts are set depends on the channel."""

    text: str
    subject: str | None = None
    """Email's subject, push's title."""
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Email only: List-Unsubscribe and its kin."""
    segments: int = 1
    """How many SMS parts the text takes."""
    locale: str | None = field(default=None, compare=False)
    """That the words are written in, which may not be the reader's. A letter keeps it; None: nobody said."""


@value
class Outbound:
    """One message for one borrower, as an adapter sees it. `repr` hides the address and the text."""

    contact_id: int
    attempt: int
    reference: str
    """Ours, unique per attempt, safe to show: comes back in receipts and look-ups."""
    idempotency_key: str
    """Constant over a chain of calls that must count as one."""
    to: DebtorAddress = field(repr=False)
    body: Rendered = field(repr=False)
    locale: str
    deadline: float
    """Monotonic seconds: after this the first byte must not be written."""
    armed_at: datetime | None = None
    """Lease time of the call that a look-up asks about: a provider without references is matched by time."""


@value
class Outcome:
    """What became of one call for one message."""

    kind: OutcomeClass
    provider_message_id: str | None = None
    code: str | None = None
    """The provider's own word, or the cause of the failure: a code, never a text."""
    retry_after_s: float | None = None
    address_invalid: bool = False
    """The provider says this address cannot work: flag the contact point."""
    opted_out: bool = False
    """The provider says this person has opted out: record it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capability:
    """What a provider account can do, as declared by its adapter and configuration."""

    channel: ChannelKind
    max_batch: int = 1
    resolution: Resolution = Resolution.NONE
    window_s: float = 0.0
    """For KEY: how long the provider remembers a key."""
    settle_s: float = 60.0
    """How long to wait after the last call before asking or calling again: providers record keys on completion."""
    horizon_s: float = 86_400.0
    """For NONE: how long a receipt may still come before we assume it was sent (business time)."""
    receipts: bool = False
    replies: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookRequest:
    """A provider's call to us, raw. `url` is the public one, rebuilt from configuration, never from Host."""

    url: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """One later word about one message."""

    event_key: str
    """Unique per event at this provider: what makes a doubled receipt harmless."""
    kind: ReceiptKind
    at: datetime | None = None
    reference: str | None = None
    provider_message_id: str | None = None
    code: str | None = None
    address: str | None = field(default=None, repr=False)
    """Who replied or opted out, where the provider gives no reference."""
    text: str | None = field(default=None, repr=False)
    """What was replied."""
    address_invalid: bool = False
