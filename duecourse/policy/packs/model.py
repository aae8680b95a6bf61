"""A pack: a jurisdiction's rules with their sources, as values. Files become these in `packs.reading`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from duecourse.policy.packs import params as p
from duecourse.policy.packs.headings import (
    Ambiguous,
    Anchor,
    CheckPoint,
    Grade,
    Link,
    OnFail,
    PackKind,
    RuleType,
    SourceKind,
    SourceStatus,
    Strength,
    Verification,
    ZoneEvidence,
)
from duecourse.policy.packs.vocabulary import ActorRole, DebtorType, LenderType, Medium, Override, Purpose

#: Which class reads the `params` of a rule of each type.
PARAMS_OF: dict[RuleType, type[p.Params]] = {
    RuleType.CONTACT_WINDOW: p.ContactWindow,
    RuleType.FREQUENCY_CAP: p.FrequencyCap,
    RuleType.COOLDOWN: p.Cooldown,
    RuleType.STOP_TRIGGER: p.StopTrigger,
    RuleType.THIRD_PARTY: p.ThirdParty,
    RuleType.VISIT: p.Visit,
    RuleType.RETENTION: p.Retention,
    RuleType.COMPLAINT_SLA: p.ComplaintSla,
    RuleType.CONSENT: p.ConsentNeeded,
    RuleType.OPT_OUT: p.OptOut,
    RuleType.DISCLOSURE: p.Disclosure,
    RuleType.IDENTITY_GATE: p.IdentityGate,
    RuleType.PROHIBITED_CONTENT: p.ProhibitedContent,
    RuleType.DATA_MINIMUM: p.DataMinimum,
    RuleType.WORKPLACE: p.Workplace,
    RuleType.SOCIAL: p.Social,
    RuleType.CALLER_ID: p.CallerId,
    RuleType.RECORDING: p.Recording,
    RuleType.DATA_RIGHTS: p.DataRights,
    RuleType.AUTOMATION: p.Automation,
    RuleType.CONDITION: p.ConditionNeeded,
    RuleType.TRANSFER_NOTICE: p.TransferNotice,
    RuleType.CARRIER: p.Carrier,
}


class Place(NamedTuple):
    """ISO 3166-1 alpha-2, and the part of ISO 3166-2 after the hyphen (`SP` of `BR-SP`) where it is known."""

    country: str
    subdivision: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a rule comes from."""

    id: str
    title: str
    issuer: str | None = None
    kind: SourceKind
    status: SourceStatus
    grade: Grade
    issued: date | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    """The first day on which it no longer applies."""
    url: str | None = None
    """Official, never a mirror."""
    verification: Verification | None = None
    checked_by: str | None = None
    checked_on: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Applicability:
    """Whom a pack binds. Lists are matched with AND; an empty one matches everything, an unknown fact every list."""

    actor_roles: frozenset[ActorRole] = frozenset()
    lender_types: frozenset[LenderType] = frozenset()
    debtor_types: frozenset[DebtorType] = frozenset()
    links: frozenset[Link] = frozenset(Link)
    """Any of these is enough to tie a contact to the pack's jurisdiction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimezoneRule:
    anchor: Anchor = Anchor.CANDIDATE_SET
    zone: str | None = None
    """IANA; for `fixed`."""
    ambiguous: Ambiguous = Ambiguous.INTERSECT
    evidence: tuple[ZoneEvidence, ...] = tuple(ZoneEvidence)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendars:
    """Which days are public holidays. Unknown years count as both holiday and not: the narrower hours win."""

    public_holidays: str | None = None
    """`CN`, `US`, `BR-SP`: a country or a part of it. None: the borrower's own, by residence."""
    makeup_workdays: bool = False
    """Weekend days worked in exchange for a holiday count as Mondays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One demand. Empty channels, purposes, actor_roles and lender_types mean all."""

    id: str
    """Written into every verdict: never rename one."""
    type: RuleType
    source: str
    """Key into the pack's sources."""
    pinpoint: str | None = None
    """Article, clause, paragraph."""
    strength: Strength = Strength.PROHIBIT
    on_fail: OnFail = OnFail.BLOCK
    """Where a file says nothing: `defer` for contact_window and carrier, `block` for all others."""
    channels: frozenset[Medium] = frozenset()
    purposes: frozenset[Purpose] = frozenset()
    actor_roles: frozenset[ActorRole] = frozenset()
    lender_types: frozenset[LenderType] = frozenset()
    overrides: frozenset[Override] = frozenset()
    checked_at: frozenset[CheckPoint] = frozenset(CheckPoint)
    when: tuple[p.Condition, ...] = ()
    """Binds only while all hold; an unknown fact counts as holding."""
    params: p.Params
    grade: Grade | None = None
    """Where this parameter was checked better or worse than the rest of its source."""
    status: SourceStatus | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    """Where they differ from the source's."""
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    id: str
    version: str
    as_of: date
    title: str = ""
    kind: PackKind = PackKind.JURISDICTION
    country: str | None = None
    """ISO 3166-1 alpha-2; None for the house's and for unions of countries, which name `countries`."""
    subdivision: str | None = None
    countries: frozenset[str] = frozenset()
    """For a pack of several countries (the EU's)."""
    applies_to: Applicability = field(default_factory=Applicability)
    timezone: TimezoneRule = field(default_factory=TimezoneRule)
    calendars: Calendars = field(default_factory=Calendars)
    sources: Mapping[str, Source] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    @property
    def name(self) -> str:
        """`id@version`, as verdicts keep it."""
        return f"{self.id}@{self.version}"
