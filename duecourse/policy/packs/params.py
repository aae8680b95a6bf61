"""What each type of rule needs to know: one frozen class per type. A pack file's keys are these fields' names."""

from dataclasses import dataclass

from duecourse.policy.packs.clauses import (
    Across,
    CapScope,
    CapUnit,
    Comparison,
    ConditionFact,
    ConsentBasis,
    DisclosureWhen,
    Excluded,
    Match,
    OptOutScope,
    Permission,
    Position,
    Severity,
    StopEffect,
    WindowKind,
    WorkplaceAllow,
)
from duecourse.policy.packs.periods import Deadline, Hours, Period
from duecourse.policy.packs.vocabulary import DebtorState, NoticeBefore, Party, Purpose, StopEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactWindow:
    allow: tuple[Hours, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CapWindow:
    """`{kind = "consecutive_days", n = 7}`."""

    kind: WindowKind
    n: int = 1
    """Days, for `consecutive_days`; weeks or months else. The present one is the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrequencyCap:
    """At most `max` touches of `unit` on the rule's channels, over `scope`, in `window`."""

    unit: CapUnit
    max: int
    window: CapWindow
    scope: CapScope
    per_channel: bool = False
    """Counts only what went the contact's own way."""
    across: frozenset[Across] = frozenset()
    exclude: frozenset[Excluded] = frozenset()
    initiated_by_lender: bool = True
    """False: what the borrower began counts too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cooldown:
    """The rule's channels are closed for `days` after `after`; the event may have come either way."""

    after: StopEvent
    days: int
    count_event_day_as_1: bool = True
    scope: CapScope = CapScope.DEBTOR


@dataclass(frozen=True, kw_only=True, slots=True)
class StopTrigger:
    event: StopEvent
    effect: StopEffect
    days: int | None = None
    """None: until it is lifted."""
    allowed_after: frozenset[Purpose] = frozenset()
    route_to: Party | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Locate:
    """The restricted task of asking somebody else where the debtor is."""

    parties: frozenset[Party]
    only_if: frozenset[DebtorState] = frozenset()
    """Any of them; empty is always."""
    may_say: tuple[str, ...] = ()
    must_not_say: tuple[str, ...] = ()
    max_per_party: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ThirdParty:
    allowed_parties: frozenset[Party]
    """With whom the debt may be spoken of."""
    locate: Locate | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    min_staff: int = 1
    id_card: bool = False
    recording: bool = False
    entry_consent: bool = False
    forbid_places: tuple[str, ...] = ()
    notice_hours: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long `object` (`collection_record`, `call_recording`, `consent_proof`, ...) is kept."""

    object: str
    min: Period | None = None
    max: Period | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    deadline: Deadline
    condition: str | None = None
    """`complex`, `approved`, ... None: the usual case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComplaintSla:
    stages: tuple[Stage, ...]
    """Each from the receipt of the complaint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentNeeded:
    basis: frozenset[ConsentBasis]
    """Any of them is enough."""
    proof_fields: tuple[str, ...] = ()
    expires: Period | None = None
    reverify: Period | None = None
    """The address must have been confirmed as the borrower's within this time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    max: int = 1
    within_minutes: int | None = None
    content: str = "bare"


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    scope: OptOutScope
    keywords: tuple[str, ...] = ()
    match: Match = Match.EXACT_OR_INTENT
    deadline: Deadline | None = None
    confirmation: Confirmation | None = None
    """None: this rule says nothing of it. `max = 0` forbids it."""
    text_required: bool = False
    accepted_texts: tuple[str, ...] = ()
    """Any of them in the text is a way to refuse; empty with `text_required`: some stop word must stand there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fragment:
    """Words that must stand in the text of one language: `text` itself, or something that `regex` matches."""

    id: str
    lang: str
    """Primary language subtag: `en`, `zh`; `*` is any."""
    text: str | None = None
    regex: str | None = None
    position: Position = Position.ANY


@dataclass(frozen=True, kw_only=True, slots=True)
class Disclosure:
    when: DisclosureWhen
    fragments: tuple[Fragment, ...]
    """Of those of one language and id any is enough; every id is needed."""
    same_language: bool = True
    """False: in any language for which there is a fragment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityGate:
    """Before identity is verified, none of `verify_before` may be said on the rule's channels."""

    verify_before: frozenset[str]
    methods: tuple[str, ...] = ()
    fallback: str = "limited_content"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProhibitedContent:
    categories: tuple[str, ...]
    severity: Severity = Severity.BLOCK
    lexicon_ref: str | None = None
    model_ref: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DataMinimum:
    allow_fields: tuple[str, ...] = ()
    deny_fields: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    allow: WorkplaceAllow
    deny_employer_email: bool = False
    """Addresses that the employer gave, unless the borrower used them for this or consented."""
    hours: tuple[Hours, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Social:
    public: Permission = Permission.DENY
    private: Permission = Permission.WITH_IDENTITY
    friend_request: Permission = Permission.WITH_IDENTITY
    private_accounts: Permission = Permission.DENY
    """Staff's own accounts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallerId:
    show: bool = True
    spoof: Permission = Permission.DENY
    number_series: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    notice_text: str | None = None
    retain: Period | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DataRights:
    right: str
    deadline: Deadline
    extend: Deadline | None = None
    free: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Automation:
    robot_voice: Permission = Permission.ALLOW
    disclose_ai: bool = False
    human_exit: bool = False
    no_solely_automated: tuple[str, ...] = ()
    explain: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """`{fact = "dpd", op = "<=", value = 15}`. An unknown fact counts against the contact."""

    fact: ConditionFact
    op: Comparison
    value: int | str | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionNeeded:
    """A contact may be made only where every one of them holds."""

    all: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferNotice:
    before: NoticeBefore
    fields: tuple[str, ...] = ()
    medium: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Carrier:
    signature: bool = False
    """The text begins with the sender's registered signature."""
    max_chars: int | None = None
    banned_topics: tuple[str, ...] = ()
    link_policy: str | None = None
    rate_per_day: int | None = None
    """To one number."""
    send_window: tuple[Hours, ...] = ()


Params = (
    ContactWindow
    | FrequencyCap
    | Cooldown
    | StopTrigger
    | ThirdParty
    | Visit
    | Retention
    | ComplaintSla
    | ConsentNeeded
    | OptOut
    | Disclosure
    | IdentityGate
    | ProhibitedContent
    | DataMinimum
    | Workplace
    | Social
    | CallerId
    | Recording
    | DataRights
    | Automation
    | ConditionNeeded
    | TransferNotice
    | Carrier
)
