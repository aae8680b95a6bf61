"""The words of packs, closed: whatever a pack file, a fact or a verdict may say about a rule or a contact."""

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


class PackKind(StrEnum):
    JURISDICTION = "jurisdiction"
    """Of a country or a part of it; applies by where borrower, lender or carrier are."""
    HOUSE = "house"
    """The lender's own: applies to everybody, is enforced whatever its grade, and can only tighten."""


class Link(StrEnum):
    """What ties a contact to a jurisdiction."""

    RESIDENCE = "residence"
    PRESENT = "present"
    LENDER_SEAT = "lender_seat"
    CARRIER = "carrier"


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


class SourceKind(StrEnum):
    STATUTE = "statute"
    REGULATION = "regulation"
    REGULATOR_GUIDANCE = "regulator_guidance"
    NATIONAL_STANDARD_RECOMMENDED = "national_standard_recommended"
    SELF_REGULATORY = "self_regulatory"
    CARRIER = "carrier"
    HOUSE = "house"


class SourceStatus(StrEnum):
    DRAFT = "draft"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    STAYED = "stayed"


class Verification(StrEnum):
    TEXT_READ = "text_read"
    SECONDARY = "secondary"
    MEMORY = "memory"


class Grade(StrEnum):
    """How well a parameter was checked. Only A and B are enforced unasked."""

    A = "A"
    """The official text was read for this parameter."""
    B = "B"
    """Two or more independent reports agree."""
    C = "C"
    """One report."""
    MEMORY_HIGH = "M-h"
    MEMORY_MEDIUM = "M-m"
    MEMORY_LOW = "M-l"


class RuleType(StrEnum):
    CONTACT_WINDOW = "contact_window"
    FREQUENCY_CAP = "frequency_cap"
    COOLDOWN = "cooldown"
    STOP_TRIGGER = "stop_trigger"
    THIRD_PARTY = "third_party"
    VISIT = "visit"
    RETENTION = "retention"
    COMPLAINT_SLA = "complaint_sla"
    CONSENT = "consent"
    OPT_OUT = "opt_out"
    DISCLOSURE = "disclosure"
    IDENTITY_GATE = "identity_gate"
    PROHIBITED_CONTENT = "prohibited_content"
    DATA_MINIMUM = "data_minimum"
    WORKPLACE = "workplace"
    SOCIAL = "social"
    CALLER_ID = "caller_id"
    RECORDING = "recording"
    DATA_RIGHTS = "data_rights"
    AUTOMATION = "automation"
    CONDITION = "condition"
    TRANSFER_NOTICE = "transfer_notice"
    CARRIER = "carrier"


class Strength(StrEnum):
    """How hard the text is. The gate blocks on all of them unless `on_fail` says otherwise."""

    PROHIBIT = "prohibit"
    REQUIRE = "require"
    PRESUME_VIOLATION = "presume_violation"
    RECOMMEND = "recommend"


class OnFail(StrEnum):
    BLOCK = "block"
    DEFER = "defer"
    """Wait for the first instant that is allowed, where there is one before the contact's not-after."""
    REVIEW = "review"
    """Nothing leaves until a person has looked."""
    WARN = "warn"
    """Said in the verdict, and nothing else. For what a text merely suggests."""


class CheckPoint(StrEnum):
    SCHEDULE = "schedule"
    SEND = "send"


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


class Anchor(StrEnum):
    """Where a pack's clock hangs."""

    FIXED = "fixed"
    """One legal zone, added to the candidates of whoever lives or is there."""
    CANDIDATE_SET = "candidate_set"
    """Every zone that the borrower may be in."""


class Ambiguous(StrEnum):
    """What several candidate zones mean."""

    INTERSECT = "intersect"
    """The hour must be right in all of them."""
    BLOCK = "block"


class ZoneEvidence(StrEnum):
    """What a candidate zone was taken from, in a usual order of trust."""

    STATED = "stated_by_debtor"
    ADDRESS = "address"
    WORKPLACE = "workplace"
    PHONE_PREFIX = "phone_prefix"
    DEVICE = "device"


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


class ConsentBasis(StrEnum):
    CONTRACT = "contract"
    CONSENT = "consent"
    WRITTEN_CONSENT = "written_consent"
    LEGITIMATE_INTEREST = "legitimate_interest"


class DayClock(StrEnum):
    HOURS = "hours"
    CALENDAR_DAYS = "calendar_days"
    BUSINESS_DAYS = "business_days"
    WEEKS = "weeks"
    MONTHS = "months"


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
    DEBTOR_AGE = "debtor_age"


class NoticeBefore(StrEnum):
    FIRST_COLLECTION = "first_collection"
    AGENCY_START = "agency_start"
    CREDIT_REPORTING = "credit_reporting"
    VISIT = "visit"


class Severity(StrEnum):
    BLOCK = "block"
    REVIEW = "review"
    ADVISE = "advise"
