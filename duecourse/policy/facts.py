"""What the gate may know of one contact: read in the claim's transaction, nothing else counts."""

from datetime import datetime

from duecourse.domain.value import value
from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule


@value
class ContactFacts:
    """One contact's facts. No personal data, so a verdict can keep them all."""

    contact_id: int
    borrower_id: int
    channel: ChannelKind
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
