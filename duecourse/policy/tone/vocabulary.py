"""The closed vocabularies of the tone guard."""

from enum import StrEnum


class Category(StrEnum):
    """What is wrong with a text."""

    VIOLENCE = "threat_of_violence"
    ILLEGAL_ACTION = "threat_of_illegal_action"
    FALSE_LEGAL_CLAIM = "false_legal_claim"
    IMPERSONATION = "impersonating_authority"
    SHAMING = "public_shaming_third_party_disclosure"
    INSULT = "obscene_insulting"
    FALSE_URGENCY = "false_urgency_credit_threat"
    DISCLOSURE = "excessive_disclosure"


class Severity(StrEnum):
    BLOCKING = "blocking"
    """Never leaves."""
    ADVISORY = "advisory"
    """Leaves only when a supervisor releases it."""


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


class Recipient(StrEnum):
    """Who will read or hear it."""

    DEBTOR = "debtor"
    THIRD_PARTY = "third_party"
    """Anybody else: a contact, a relative, a colleague."""
    UNVERIFIED = "unverified"
    """Somebody at the debtor's address or number, not yet known to be the debtor."""
    UNKNOWN = "unknown"


class ToneChannel(StrEnum):
    """Where it is said, as far as it matters to what may be said there."""

    SMS = "sms"
    PUSH = "push"
    """A lock screen: others may read it."""
    EMAIL = "email"
    IM = "im"
    VOICE = "voice"
    VOICEMAIL = "voicemail"
    LETTER = "letter"
    POSTCARD = "postcard"
    """Paper or mail that others see: a postcard, an envelope, a fax."""
    PUBLIC = "public"
    """A group, a feed, a wall."""
    NOTE = "note"
    """A recorded note: read by colleagues, and by the borrower who asks for the file."""
    UNKNOWN = "unknown"


class LegalStatus(StrEnum):
    """How far the law has really been used about this debt."""

    NONE = "none"
    FILED = "filed"
    JUDGMENT = "judgment"
    UNKNOWN = "unknown"


class Sender(StrEnum):
    """Who really speaks."""

    LENDER = "lender"
    AGENCY = "agency"
    LAW_FIRM = "law_firm"
    AUTHORITY = "authority"
    UNKNOWN = "unknown"


class OfferExpiry(StrEnum):
    """Whether an offer in the text really ends when the text says so."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """Within what the words of a rule must stand together."""

    SENTENCE = "sentence"
    TEXT = "text"
