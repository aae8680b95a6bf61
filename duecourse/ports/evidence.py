"""What others did and what borrowers said: values that become the gate's facts, by the lender's own numbers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from duecourse.domain.clock import Times
from duecourse.domain.review import NewDecision
from duecourse.domain.verdict import Verdict
from duecourse.policy.facts import ContactFacts
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import (
    AgentKind,
    Direction,
    Medium,
    Override,
    Purpose,
    StopEvent,
    TouchOutcome,
)
from duecourse.policy.terms import Terms


class EncounterState(StrEnum):
    RESERVED = "reserved"
    """Allowed, and about to happen: it counts like one that did."""
    UNRECORDED = "unrecorded"
    """Its time is over and nobody said what became of it: it goes on counting, as all that it may have been."""
    RECORDED = "recorded"
    RELEASED = "released"
    """It did not happen, and counts no more."""


#: What became of it can still be said.
OPEN = frozenset({EncounterState.RESERVED, EncounterState.UNRECORDED})


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEncounter:
    """A call, a visit or a talk that no worker of ours made."""

    reference: str
    """The lender's own number of it: the same again is the same encounter."""
    borrower: str
    loan: str | None = None
    """None: about all of the borrower's."""
    medium: Medium
    direction: Direction = Direction.OUTBOUND
    agent_kind: AgentKind = AgentKind.HUMAN
    agent: str | None = None
    """A number or code, never a name."""
    agency: str | None = None
    address: str | None = field(default=None, repr=False)
    """The number or mailbox that was used; None counts for every one. Only its blind index is kept."""
    purpose: Purpose | None = None
    outcome: TouchOutcome
    identity_verified: bool = False
    requested: bool = False
    """The borrower had asked for it."""
    consented: bool = False
    """The borrower had agreed to it directly beforehand."""
    at: datetime | None = None
    """None: now, or when the reservation was for."""
    heard: tuple[StopEvent, ...] = ()
    """What the borrower said in it: a promise, a refusal, a dispute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What became of something that was to be recorded."""

    number: int
    """The row's id."""
    repeated: bool = False
    """It was on record before, with the same content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encounter:
    reference: str
    borrower: str
    loan: str | None
    state: EncounterState
    medium: str
    direction: str
    agent_kind: str
    agent: str | None
    agency: str | None
    purpose: str | None
    outcome: str | None
    identity_verified: bool
    requested: bool
    consented: bool
    at: datetime
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAgreement:
    """Something on record that lifts a rule which says that this may lift it."""

    borrower: str
    kind: Override
    evidence: str
    """The lender's own number of the recording, letter or contract."""
    text_hash: bytes | None = None
    """SHA-256 of the words that were agreed to."""
    channels: frozenset[Medium] = frozenset()
    """Empty is all, as for purposes and rules."""
    purposes: frozenset[Purpose] = frozenset()
    rules: frozenset[str] = frozenset()
    hours: tuple[Hours, ...] = ()
    """For agreed hours: then only."""
    given_at: datetime | None = None
    """None: now."""
    expires_at: datetime | None = None
    """None: until it is revoked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    agreement_id: int
    borrower: str
    kind: str
    evidence: str
    text_hash: str | None
    channels: list[str]
    purposes: list[str]
    rules: list[str]
    hours: list[str]
    """Such as `mon,tue 20:00-23:00`."""
    given_at: datetime
    expires_at: datetime | None
    recorded_by: str
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewStop:
    """Something the borrower said or suffered that may close doors. Which doors, the packs say."""

    borrower: str
    loan: str | None = None
    """None: the whole borrower."""
    kind: StopEvent
    evidence: str
    """The lender's own number of the letter, call or file."""
    channels: frozenset[Medium] = frozenset()
    """Which ways it names; empty is all, as for purposes."""
    purposes: frozenset[Purpose] = frozenset()
    happened_at: datetime | None = None
    """None: now."""
    ends_at: datetime | None = None
    """None: until it is lifted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRecord:
    stop_id: int
    borrower: str
    loan: str | None
    kind: str
    evidence: str
    channels: list[str]
    purposes: list[str]
    happened_at: datetime
    ends_at: datetime | None
    recorded_by: str
    lifted_at: datetime | None
    lifted_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """May this borrower be called, visited or written to by somebody who is no worker of ours?"""

    reference: str
    """The lender's own number of the call or visit to be: the same question again is the same reservation."""
    borrower: str
    loan: str | None = None
    medium: Medium
    agent_kind: AgentKind = AgentKind.HUMAN
    agent: str | None = None
    agency: str | None = None
    address: str | None = field(default=None, repr=False)
    """None: the number on file."""
    purpose: Purpose = Purpose.COLLECTION_INTERACTIVE
    requested: bool = False
    identity_verified: bool = False
    staff: int | None = None
    """How many would come: for visits."""
    announced_at: datetime | None = None
    """When the borrower was told of the visit."""
    at_work: bool = False
    """It would be where the borrower works."""
    at: datetime | None = None
    """None: now."""
    approved: NewDecision | None = None
    """Somebody else allowed it, as far as rules leave it to people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the gate said."""

    reference: str
    verdict: Mapping[str, Any]
    """As JSON: decision, rules, until, sources, facts."""
    reserved: bool
    """It was allowed, and counts from now on."""
    repeated: bool = False
    """The same was asked before, and this was the answer."""
    at: datetime
    """Of which time it was asked; where it is reserved, for which."""


class Questions(Protocol):
    async def ask(
        self, question: Question, judge: Callable[[ContactFacts], Verdict], *, times: Times, terms: Terms, actor: str
    ) -> Answer: ...


class Encounters(Protocol):
    async def record(self, encounter: NewEncounter, *, times: Times, actor: str) -> Recorded: ...

    async def release(self, reference: str, *, times: Times, actor: str) -> bool: ...

    async def overdue(self, before: datetime, *, times: Times, actor: str) -> int: ...

    async def listed(
        self, borrower: str | None, *, states: Collection[EncounterState], limit: int
    ) -> Sequence[Encounter]: ...


class Agreements(Protocol):
    async def record(self, agreement: NewAgreement, *, times: Times, actor: str) -> Recorded: ...

    async def revoke(self, agreement_id: int, *, times: Times, actor: str) -> bool: ...

    async def listed(
        self, borrower: str | None, *, now: datetime, everything: bool, limit: int
    ) -> Sequence[Agreement]: ...


class Stops(Protocol):
    async def record(self, stop: NewStop, *, times: Times, actor: str) -> Recorded: ...

    async def lift(self, stop_id: int, *, times: Times, actor: str) -> bool: ...

    async def listed(
        self, borrower: str | None, *, now: datetime, everything: bool, limit: int
    ) -> Sequence[StopRecord]: ...
