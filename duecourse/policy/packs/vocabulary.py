"""The words of contacts, closed: whom somebody reached, how, for what, and what came of it."""

from enum import StrEnum


class Medium(StrEnum):
    """How somebody is reached, as rules of law name it. Holds every `ChannelKind` but `voice`, which is an `ivr`."""

    SMS = "sms"
    PUSH = "push"
    EMAIL = "email"
    IM = "im"
    IVR = "ivr"
    """A call by a machine: recorded, synthetic or interactive."""
    CALL = "call"
    """A call by a person."""
    VOICEMAIL = "voicemail"
    VISIT = "visit"
    LETTER = "letter"
    SOCIAL = "social"
    """A private message on a social network."""


class Purpose(StrEnum):
    """Why somebody is contacted."""

    PRE_DUE_REMINDER = "pre_due_reminder"
    COLLECTION_INFORMATIONAL = "collection_informational"
    """One-way: what is due, since when, how to pay."""
    COLLECTION_INTERACTIVE = "collection_interactive"
    """A talk about the debt."""
    SERVICE = "service"
    """Receipts, confirmations, security notices."""
    EDUCATION = "education"
    MARKETING = "marketing"
    LOCATE = "locate"
    """Asking somebody else where the debtor is: a person's restricted task."""
    LEGAL_NOTICE = "legal_notice"
    """A notice that the law demands or that starts a remedy."""
    CONFIRM_STOP = "confirm_stop"
    """The one confirmation of an opt-out, or that contact ends."""


class Direction(StrEnum):
    OUTBOUND = "outbound"
    INBOUND = "inbound"


class AgentKind(StrEnum):
    """Who made a touch."""

    MACHINE = "machine"
    HUMAN = "human"
    AGENCY = "agency"
    OTHER_SYSTEM = "other_system"


class TouchOutcome(StrEnum):
    """How far a touch came. What is not known counts as everything it could have been."""

    UNKNOWN = "unknown"
    NOT_CONNECTED = "not_connected"
    UNANSWERED = "unanswered"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    ANSWERED = "answered"
    """Somebody picked up or opened the door; no talk with the debtor came about."""
    CONVERSATION = "conversation"


class ActorRole(StrEnum):
    """In whose name the contact is made."""

    FIRST_PARTY = "first_party"
    THIRD_PARTY_AGENCY = "third_party_agency"
    ASSIGNEE = "assignee"


class LenderType(StrEnum):
    BANK = "bank"
    CONSUMER_FINANCE = "consumer_finance"
    SMALL_LOAN = "small_loan"
    AUTO_FINANCE = "auto_finance"
    P2P = "p2p"
    MICROFINANCE = "microfinance"
    FINANCE_COMPANY = "finance_company"
    DEBT_BUYER = "debt_buyer"


class DebtorType(StrEnum):
    NATURAL_PERSON = "natural_person"
    BUSINESS = "business"


class Party(StrEnum):
    """Who would be spoken to."""

    DEBTOR = "debtor"
    GUARANTOR = "guarantor"
    CO_BORROWER = "co_borrower"
    SPOUSE = "spouse"
    PARENT = "parent"
    CHILD = "child"
    GUARDIAN = "guardian"
    EXECUTOR = "executor"
    ATTORNEY = "attorney"
    NOMINATED_CONTACT = "nominated_contact"
    THIRD_PERSON = "third_person"


class DebtorState(StrEnum):
    """Why somebody else may be asked."""

    UNREACHABLE = "debtor_unreachable"
    DECEASED = "debtor_deceased"
    INCAPACITATED = "debtor_incapacitated"


class StopEvent(StrEnum):
    """What happened between borrower and lender that starts a cool-down or a stop."""

    CONVERSATION = "conversation"
    PROMISE_TO_PAY = "promise_to_pay"
    REFUSAL = "refusal"
    DISPUTE = "dispute"
    COMPLAINT = "complaint"
    CEASE_WRITTEN = "cease_written"
    MEDIUM_OPT_OUT = "medium_opt_out"
    ATTORNEY = "attorney"
    BANKRUPTCY = "bankruptcy"
    DEATH = "death"
    RESTRUCTURING_REQUEST = "restructuring_request"
    BREATHING_SPACE = "breathing_space"
    DEBT_ADVICE = "debt_advice"
    ILLNESS = "illness"
    DISASTER = "disaster"
    BEREAVEMENT = "bereavement"
    FESTIVAL = "festival"
    """A wedding, a feast: a private occasion."""
    INCONVENIENT_TIME = "inconvenient_time"
    EMPLOYER_FORBIDS = "employer_forbids"
    """We heard that the employer wants no such contacts at work. No rule need name it: those on workplaces ask."""


class Override(StrEnum):
    """What lifts a rule, if the rule says so and it is on record with an evidence id."""

    DEBTOR_AGREEMENT = "debtor_agreement"
    """The contract or a later agreement says otherwise."""
    DEBTOR_CONSENT = "debtor_consent"
    """Given directly, for this."""
    COURT_PERMISSION = "court_permission"
    LEGALLY_REQUIRED = "legally_required"
    CONSUMER_INITIATED = "consumer_initiated"
    """The borrower asked for this contact: a call-back."""
    ATTORNEY_CONSENT = "attorney_consent"


class NoticeBefore(StrEnum):
    FIRST_COLLECTION = "first_collection"
    AGENCY_START = "agency_start"
    CREDIT_REPORTING = "credit_reporting"
    VISIT = "visit"


class Day(StrEnum):
    """A kind of local day. A public holiday is `holiday` and nothing else; a make-up workday counts as a `mon`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"
    HOLIDAY = "holiday"
