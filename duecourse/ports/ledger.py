"""What a use case may do inside one transaction, aggregate by aggregate.

What each call does and raises stands on the class of `duecourse.ledger` that does it. Nothing is committed until the
`async with` of `Ledger.transaction` ends well.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Protocol

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.book import Payment
from duecourse.domain.clock import Times
from duecourse.domain.demand import NewOptOut, Scope
from duecourse.domain.event import Event
from duecourse.domain.hold import Hold, NewHold, OptOut
from duecourse.domain.letter import Letter
from duecourse.domain.payment import PaymentResult
from duecourse.domain.receipt import Flagged, InboxItem, Incoming, Match, Move, SetAside, Standing
from duecourse.domain.verdict import RuleList
from duecourse.domain.vocabulary import ChannelKind, Component, Urgency
from duecourse.policy.terms import Terms
from duecourse.ports.delivery import Armed, Claimable, Judged, PlanPage, PlanWindow, Postponed, Settled, Settlement
from duecourse.ports.demands import Demands, Suppressions
from duecourse.ports.evidence import Agreements, Encounters, Questions, Stops
from duecourse.ports.preferences import PreferenceBook
from duecourse.ports.reviews import Reviews
from duecourse.ports.routing import Routing


class Payments(Protocol):
    async def record(
        self, payments: Sequence[Payment], *, order: Sequence[Component], times: Times, actor: str
    ) -> list[PaymentResult]: ...

    async def reverse(
        self, external_id: str, *, order: Sequence[Component], times: Times, actor: str
    ) -> PaymentResult: ...


class Holds(Protocol):
    async def place(self, hold: NewHold, *, times: Times) -> int: ...

    async def release(self, hold_id: int, *, times: Times, actor: str) -> bool: ...

    async def listed(self, borrower: str | None, *, now: datetime, everything: bool, limit: int) -> list[Hold]: ...


class OptOuts(Protocol):
    async def borrower_id(self, external_id: str) -> int: ...

    async def add(
        self, borrower_id: int, channel: ChannelKind | None, *, source: str, times: Times, actor: str
    ) -> bool: ...

    async def stop(self, opt_out: NewOptOut, *, times: Times, actor: str) -> bool: ...

    async def silences(self, borrower_id: int, channel: ChannelKind) -> Scope | None: ...

    async def remove(self, borrower_id: int, channel: ChannelKind | None, *, times: Times, actor: str) -> bool: ...

    async def listed(self, borrower: str | None, *, everything: bool, limit: int) -> list[OptOut]: ...


class Keys(Protocol):
    async def rewrap_after(self, data_key_id: int, *, page: int) -> tuple[int, int]: ...


class Book(Protocol):
    @property
    def payments(self) -> Payments: ...

    @property
    def holds(self) -> Holds: ...

    @property
    def opt_outs(self) -> OptOuts: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def encounters(self) -> Encounters: ...

    @property
    def agreements(self) -> Agreements: ...

    @property
    def stops(self) -> Stops: ...

    @property
    def questions(self) -> Questions: ...


class Planning(Protocol):
    async def ensure_months(self, times: Times) -> None: ...

    async def plan_page(
        self, cadence: Cadence, rungs: Sequence[Rung], window: PlanWindow, *, times: Times, actor: str, after: PlanPage
    ) -> PlanPage: ...


class Releases(Protocol):
    async def release(
        self, channel: ChannelKind, urgency: Urgency, limit: int, *, times: Times, actor: str
    ) -> list[int]: ...

    async def outstanding(self, channel: ChannelKind, *, times: Times) -> Mapping[Urgency, int]: ...

    async def stale(
        self,
        channel: ChannelKind,
        after: timedelta,
        limit: int,
        *,
        times: Times,
        urgency: Urgency | None = None,
        suspects: bool = False,
    ) -> Mapping[Urgency, Sequence[int]]: ...

    async def give_back(self, contact_ids: Sequence[int], *, times: Times, actor: str) -> None: ...


class Claims(Protocol):
    async def claim(self, contact_ids: Sequence[int], *, times: Times, terms: Terms) -> list[Claimable]: ...

    async def arm(self, attempts: Sequence[Armed], *, times: Times, owner: int, lease: timedelta) -> None: ...

    async def postpone(self, postponed: Sequence[Postponed], *, times: Times) -> None: ...


class Contacts(Protocol):
    async def lock_borrowers(self, borrower_ids: Sequence[int]) -> None: ...

    async def carry_out(self, judged: Sequence[Judged], *, times: Times) -> None: ...

    async def plan_next_channels(self, contact_ids: Sequence[int], *, times: Times, actor: str) -> list[int]: ...

    async def suppress_channel(
        self, borrower_id: int, channel: ChannelKind | None, *, times: Times, actor: str
    ) -> None: ...

    async def flag_addresses(self, contact_point_ids: Sequence[int], *, times: Times) -> None: ...


class Settlements(Protocol):
    async def settle(self, settlements: Sequence[Settlement], *, times: Times) -> Settled: ...


class Sweeps(Protocol):
    async def expire(self, *, times: Times, actor: str) -> int: ...

    async def abandon(self, settle_s: Mapping[str, float], *, times: Times, actor: str) -> int: ...

    async def resolvable(
        self, channel: ChannelKind, *, times: Times, suspects: bool = False
    ) -> Mapping[Urgency, Sequence[int]]: ...

    async def assume_sent(
        self, horizon_s: Mapping[str, float], *, asked: Collection[str], times: Times, actor: str
    ) -> int: ...

    async def forget_owners(self, *, times: Times) -> int: ...


class Verdicts(Protocol):
    async def keep(self, lists: Collection[RuleList]) -> None: ...


class Trials(Protocol):
    async def note(self, owner: int, lane: int, contact_ids: Sequence[int]) -> None: ...

    async def blame(self, *, times: Times, actor: str) -> int: ...


class Events(Protocol):
    async def append(self, times: Times, actor: str, events: Iterable[Event]) -> None: ...


class Inbox(Protocol):
    async def store(self, provider: str, event_key: str, raw: bytes, *, times: Times) -> int | None: ...

    async def open_ids(self, *, after: int, limit: int) -> list[int]: ...

    async def claim(self, inbox_ids: Sequence[int]) -> list[InboxItem]: ...

    async def finish(self, inbox_ids: Sequence[int], result: str, *, times: Times) -> None: ...

    async def fail(self, inbox_id: int, *, most: int, times: Times) -> str | None: ...

    async def set_aside(self, *, provider: str | None, limit: int) -> list[SetAside]: ...

    async def reopen(self, inbox_ids: Sequence[int]) -> list[int]: ...


class Matches(Protocol):
    async def attempts(self, incoming: Sequence[Incoming]) -> dict[int, Match]: ...

    async def people(self, incoming: Sequence[Incoming]) -> dict[int, set[int]]: ...

    async def contact(self, contact_id: int) -> tuple[int, ChannelKind] | None: ...

    async def contact_points(self, matches: Sequence[Match]) -> list[Flagged]: ...


class Receipts(Protocol):
    async def lock_contacts(self, contact_ids: Iterable[int]) -> dict[int, Standing]: ...

    async def record(self, items: Sequence[tuple[Incoming, Match | None]], *, times: Times) -> set[tuple[str, str]]: ...

    async def move(self, moves: Sequence[Move], *, times: Times) -> None: ...

    async def prove_sent(self, proofs: Sequence[tuple[Match, str | None]]) -> None: ...


class Stories(Protocol):
    async def letters(self, due_on: date, contact_id: int) -> dict[int, Letter]: ...


class Transaction(Protocol):
    """Everything that can be done in one transaction."""

    def together(self) -> AbstractAsyncContextManager[object]:
        """Statements inside travel together, as far as none needs another's answer; an error may show at the end."""
        ...

    @property
    def book(self) -> Book: ...

    @property
    def contacts(self) -> Contacts: ...

    @property
    def planning(self) -> Planning: ...

    @property
    def releases(self) -> Releases: ...

    @property
    def routing(self) -> Routing: ...

    @property
    def claims(self) -> Claims: ...

    @property
    def settlements(self) -> Settlements: ...

    @property
    def sweeps(self) -> Sweeps: ...

    @property
    def trials(self) -> Trials: ...

    @property
    def verdicts(self) -> Verdicts: ...

    @property
    def events(self) -> Events: ...

    @property
    def inbox(self) -> Inbox: ...

    @property
    def matches(self) -> Matches: ...

    @property
    def receipts(self) -> Receipts: ...

    @property
    def demands(self) -> Demands: ...

    @property
    def suppressions(self) -> Suppressions: ...

    @property
    def preferences(self) -> PreferenceBook: ...

    @property
    def reviews(self) -> Reviews: ...

    @property
    def stories(self) -> Stories: ...


class Ledger(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...
