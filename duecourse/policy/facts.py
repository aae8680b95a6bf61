"""What the gate may know of one contact: read in the claim's transaction, nothing else counts."""

from datetime import datetime

from duecourse.domain.value import value
from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule
from duecourse.policy.history import Allowance, Evidence, Stop, Touch
from duecourse.policy.packs.model import Place
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import (
    ActorRole,
    DebtorState,
    DebtorType,
    LenderType,
    Medium,
    NoticeBefore,
    Party,
    Purpose,
)


@value
class ContactFacts:
    """One contact's facts. No personal data, so a verdict can keep them all."""

    contact_id: int
    borrower_id: int
    channel: ChannelKind | Medium
    """What a worker serves, or the law's own word for what a person does: `call`, `visit`, `voicemail`."""
    not_after: datetime
    time_zone: str | None
    """The borrower's IANA zone; None or a name that is no zone means unknown: no send."""
    consent: Consent | None
    """Of the contact point to be used; None where the borrower has none on this channel."""
    address_valid: bool
    open_items: int
    """Instalments of that due date with something left to pay."""
    autopay: bool
    """Every loan of them collects itself."""
    holds: tuple[int, ...]
    """Ids of active holds that cover the borrower or every loan that is due."""
    opted_out: bool
    """Of this channel or of everything."""
    touches_today: int
    """Attempts on this channel this local day that are not proved unsent, this contact's own excluded."""
    reached_today: bool
    """Any channel reached the borrower this local day."""
    stop: frozenset[StopRule]
    """Of the rung."""

    # Why, for whom, in whose name.
    purpose: Purpose = Purpose.COLLECTION_INFORMATIONAL
    actor_role: ActorRole = ActorRole.FIRST_PARTY
    lender_type: LenderType | None = None
    """None is unknown: the rules of every type bind."""
    lender_country: str | None = None
    """The lender's seat, ISO 3166-1 alpha-2; None where it says nothing about the law."""
    product: str | None = None
    debts: tuple[int, ...] = ()
    """Ids of the loans that the contact is about. Empty: any of them, so every touch counts."""
    dpd: int | None = None
    """Days past due of the oldest unmet instalment, 0 before it is due; None is unknown."""
    amount_minor: int | None = None

    # Who and where.
    recipient: Party = Party.DEBTOR
    recipient_refused: bool = False
    """This other person said: not again."""
    debtor_type: DebtorType = DebtorType.NATURAL_PERSON
    underage: bool | None = None
    """No adult by the law of residence; None is unknown."""
    debtor_state: frozenset[DebtorState] = frozenset()
    residence: Place | None = None
    """None, as long as `present` is None too: every pack of the operator applies."""
    present: Place | None = None
    """Where the borrower is known to be just now, if elsewhere."""
    carrier_country: str | None = None
    """Of the number's or address' carrier, ISO 3166-1 alpha-2."""
    candidate_zones: tuple[str, ...] = ()
    """Every other IANA zone that the evidence (address, prefix, statement, device) points to, beside `time_zone`."""

    # The address.
    number: str | None = None
    """Id or blind index of the contact point, as in `Touch.number`."""
    at_workplace: bool = False
    """The place or line is the borrower's work."""
    employer_address: bool = False
    """An address known to be given by the employer."""
    employer_address_used: bool = False
    """The borrower used it with us, or consented to it directly."""
    employer_forbids: bool | None = None
    """None is unknown."""
    address_verified_at: datetime | None = None
    """When it was last confirmed as the borrower's."""

    # What is on record.
    history: tuple[Touch, ...] = ()
    """Of the last 100 days at least, in any order; this contact's own excluded."""
    stops: tuple[Stop, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    """Of this very contact."""
    identity_verified: bool = False
    """In this very talk or session."""
    notices: frozenset[NoticeBefore] = frozenset()
    """Given, with proof."""
    first_contact: bool | None = None
    """Nobody has spoken or written to the borrower about this debt before. None is unknown, and counts as yes."""
    preferred_hours: tuple[Hours, ...] = ()
    """What the borrower asked for, in the borrower's zone; empty: nothing was asked."""
    preferred_channels: frozenset[Medium] = frozenset()
    """Empty: any."""

    # For what people do.
    staff: int | None = None
    """How many would come: for visits."""
    visit_announced_at: datetime | None = None
    """When the borrower was told of the visit; None: not at all."""
