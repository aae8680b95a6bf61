"""The words at the head of packs and rules, closed: what each is, where it comes from and how hard it binds."""

from enum import StrEnum


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
