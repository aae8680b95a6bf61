"""What a borrower's own words ask for: to stop or to begin again, how widely, and how sure that is."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from duecourse.domain.vocabulary import ChannelKind

#: Contacts that confirm an opt-out: their cadence, and the text of the one line that they bring.
CONFIRMING = "opt-out"
CONFIRMATION = "opt_out_confirmation"
#: Where somebody who writes to us is written back to in the same place.
CONFIRMED_ON = (ChannelKind.SMS, ChannelKind.IM, ChannelKind.EMAIL)


class Intent(StrEnum):
    STOP = "stop"
    START = "start"
    """Take a stop back. Only a word that says exactly this does."""


class Scope(StrEnum):
    """How much is to stop, the narrowest first."""

    ADDRESS = "address"
    """This number or mailbox only: it is not the borrower's."""
    CHANNEL = "channel"
    SENDER = "sender"
    """Every channel of this lender."""
    EVERYTHING = "everything"
    """Cease: every channel, and people too."""

    @property
    def width(self) -> int:
        return list(Scope).index(self)


class Answer(StrEnum):
    """What a person made of words that were not sure."""

    MEANT = "meant"
    """They ask for what they were perhaps understood to ask for."""
    NOT_MEANT = "not_meant"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What a text was understood to ask for."""

    intent: Intent
    scope: Scope
    sure: bool
    """False: a person must look, and the channel is held meanwhile."""
    rule: str
    """Id of what it was understood by: `en.keyword`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDemand:
    """One borrower's demand with its proof, as it is recorded."""

    borrower_id: int
    meaning: Meaning
    channel: ChannelKind
    source: str
    """How it came: `replied:twilio`, `link`."""
    said_at: datetime
    """Business time: when it was said, as far as anybody tells, else when it reached us."""
    event_key: str | None = None
    """The provider's own id of it."""
    inbox_id: int | None = None
    address: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    hold_id: int | None = None
    """What keeps the channel silent until a person has answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """A recorded demand. `text` is set only for who asked to see it and may."""

    demand_id: int
    borrower: str
    """The lender's own id."""
    intent: Intent
    scope: Scope
    sure: bool
    rule: str
    channel: ChannelKind
    source: str
    said_at: datetime
    recorded_at: datetime
    """Lease time."""
    contact_point: str | None
    """The first 16 digits of the keyed digest of the address it came from."""
    digest: str | None
    """Keyed digest of the words, in hexadecimal digits."""
    text: str | None = field(repr=False)
    """None where there were no words, or where they cannot be opened any more."""
    hold_id: int | None
    answer: Answer | None
    answered_by: str | None
    answered_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewOptOut:
    """A stop to be carried out."""

    borrower_id: int
    channel: ChannelKind | None
    """None: every channel."""
    scope: Scope
    source: str
    demand_id: int | None = None
    """Its proof; None where an agent recorded it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDemand:
    """An unanswered one, its borrower locked."""

    demand_id: int
    borrower_id: int
    intent: Intent
    scope: Scope
    channel: ChannelKind
    source: str
    rule: str
    address_index: bytes | None
    hold_id: int | None
