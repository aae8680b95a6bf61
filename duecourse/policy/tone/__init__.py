"""Is this text fit to be said to a borrower? Words, rules and a small classifier, all passed in as data."""

from duecourse.policy.tone.context import ToneContext
from duecourse.policy.tone.finding import Finding
from duecourse.policy.tone.guard import ToneGuard
from duecourse.policy.tone.vocabulary import (
    Category,
    LegalStatus,
    OfferExpiry,
    Recipient,
    Sender,
    Severity,
    ToneChannel,
)

__all__ = [
    "Category",
    "Finding",
    "LegalStatus",
    "OfferExpiry",
    "Recipient",
    "Sender",
    "Severity",
    "ToneChannel",
    "ToneContext",
    "ToneGuard",
]
