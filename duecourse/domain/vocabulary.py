"""The closed vocabularies: every word that a table, a log line or an API answer may use for a kind of thing."""

from enum import IntEnum, StrEnum


class ChannelKind(StrEnum):
    """A way to reach a borrower. One worker and one queue each."""

    SMS = "sms"
    PUSH = "push"
    EMAIL = "email"
    IM = "im"
    VOICE = "voice"


class Urgency(IntEnum):
    """A class of priorities, each with a share of every provider's rate. The number is the last priority in it."""

    URGENT = 3
    NORMAL = 6
    BULK = 9

    @property
    def first(self) -> int:
        """The first priority in it."""
        return max((other + 1 for other in Urgency if other < self), default=0)

    @classmethod
    def of(cls, priority: int) -> "Urgency":
        """The class of a priority from 0, the most urgent, to 9."""
        return next(urgency for urgency in cls if priority <= urgency)


class Consent(StrEnum):
    """What the borrower said about being reached at one contact point."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    """Never asked, or not recorded: treated as no."""


class Audience(StrEnum):
    """Who a rung is for: the risk band of a borrower's due date."""

    LOW = "low"
    STANDARD = "standard"
    HIGH = "high"


class StopRule(StrEnum):
    """A fact that silences a rung."""

    PAID = "paid"
    """Nothing is left to pay of what was due that day."""
    HOLD = "hold"
    """An active hold on the borrower or on every loan that is due."""
    AUTOPAY = "autopay"
    """Every loan that is due collects itself."""
    REACHED_TODAY = "reached_today"
    """An earlier rung reached the borrower on the same local day."""


class Component(StrEnum):
    """A part of an instalment."""

    PRINCIPAL = "principal"
    INTEREST = "interest"
    FEE = "fee"
    PENALTY = "penalty"


class OutcomeClass(StrEnum):
    """What became of one call to a provider. Exhaustive; anything not surely another class is UNKNOWN."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """The provider had taken the same key before: as good as accepted."""
    REJECTED = "rejected"
    """Refused for good: this address or text will not go through this channel."""
    THROTTLED = "throttled"
    """Surely not processed: the provider asked for a pause. Costs no attempt."""
    TRANSIENT = "transient"
    """Surely not processed: try again later."""
    MISCONFIGURED = "misconfigured"
    """Surely not processed: our account, sender or template is wrong. A person must look."""
    UNKNOWN = "unknown"
    """Perhaps processed. Never blindly sent again."""


class ReceiptKind(StrEnum):
    """A later word from the provider about a message."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    READ = "read"
    REPLIED = "replied"
    COMPLAINED = "complained"
    OPTED_OUT = "opted_out"
    """The provider or its unsubscribe link took an opt-out on our behalf."""


class Decision(StrEnum):
    """The gate's word on a contact."""

    ALLOW = "allow"
    DEFER = "defer"
    SUPPRESS = "suppress"
    CANCEL = "cancel"
    """Suppress, because nothing is left to say: paid in full."""
    REVIEW = "review"
    """Suppress, and show it to a person: rules contradict each other, or one wants a judgement."""


class Resolution(StrEnum):
    """What a provider offers for a contact that was perhaps sent."""

    KEY = "key"
    """The same call with the same idempotency key is safe inside `window_s`."""
    LOOKUP = "lookup"
    """It can be asked for our reference."""
    NONE = "none"
    """Neither: assumed sent after the receipt horizon."""
