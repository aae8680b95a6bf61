"""The words in which a rule says what it demands, closed."""

from enum import StrEnum


class CapUnit(StrEnum):
    """What a cap counts."""

    ATTEMPT = "attempt"
    UNANSWERED_ATTEMPT = "unanswered_attempt"
    DELIVERED = "delivered"
    CONTACT_MADE = "contact_made"
    CONVERSATION = "conversation"
    REMINDER = "reminder"


class CapScope(StrEnum):
    """Over what a cap counts. A debtor's history is that debtor's, so `debt` and `debtor_x_debt` count alike."""

    DEBTOR = "debtor"
    DEBT = "debt"
    DEBTOR_X_DEBT = "debtor_x_debt"
    NUMBER = "number"
    ACCOUNT = "account"


class WindowKind(StrEnum):
    """Over what time a cap counts: always whole local days where the borrower may be."""

    CALENDAR_DAY = "calendar_day"
    CONSECUTIVE_DAYS = "consecutive_days"
    """`n` calendar days that end today."""
    WEEK = "week"
    """Monday to Sunday."""
    MONTH = "month"


class Across(StrEnum):
    """Over whom a cap counts, as its text says. The gate always counts all that it is told."""

    ALL_AGENTS = "all_agents"
    ALL_AGENCIES = "all_agencies"
    ALL_BRANDS = "all_brands"
    ALL_MEDIA = "all_media"


class Excluded(StrEnum):
    """What a cap leaves out."""

    CONSUMER_REQUESTED = "consumer_requested"
    CONSENTED = "consented"
    NOT_CONNECTED = "not_connected"
    """The dialled number was never reached: out of service, busy network."""


class StopEffect(StrEnum):
    STOP_ALL = "stop_all"
    STOP_CHANNEL = "stop_channel"
    """The media that the event names, whatever the purpose."""
    STOP_TOPIC = "stop_topic"
    """The media that the event names, for the purposes that it names."""
    STOP_DEBT = "stop_debt"
    """Contacts about the debts that the event names."""
    ROUTE_TO = "route_to"
    """A person decides whom to speak to instead."""


class ConsentBasis(StrEnum):
    CONTRACT = "contract"
    CONSENT = "consent"
    WRITTEN_CONSENT = "written_consent"
    LEGITIMATE_INTEREST = "legitimate_interest"


class Match(StrEnum):
    EXACT = "exact"
    EXACT_OR_INTENT = "exact_or_intent"


class OptOutScope(StrEnum):
    """What an opt-out ends, narrow to wide."""

    ADDRESS = "address"
    CHANNEL = "channel"
    SENDER = "sender"
    ALL = "all"


class DisclosureWhen(StrEnum):
    INITIAL = "initial"
    FIRST_ORAL = "first_oral"
    EVERY = "every"


class Position(StrEnum):
    PREFIX = "prefix"
    SUFFIX = "suffix"
    ANY = "any"


class WorkplaceAllow(StrEnum):
    NEVER = "never"
    UNLESS_FORBIDDEN = "unless_known_forbidden"
    OWN_HOURS = "own_hours"
    """Only in `hours` of the rule."""


class Permission(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    WITH_IDENTITY = "allow_with_identity"
    WITH_CONSENT = "consent"


class Comparison(StrEnum):
    LT = "<"
    LE = "<="
    EQ = "=="
    NE = "!="
    GE = ">="
    GT = ">"


class ConditionFact(StrEnum):
    """A fact that a condition may ask about."""

    DPD = "dpd"
    """Days past due of the oldest unmet instalment."""
    PRODUCT = "product"
    AMOUNT_MINOR = "amount_minor"
    UNDERAGE = "underage"
    """No adult by the law of residence: `true` or `false`."""


class Severity(StrEnum):
    BLOCK = "block"
    REVIEW = "review"
    ADVISE = "advise"
