"""A scheduler and workers without processes: each step of the pipeline is called by hand, on a real ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from channels.fake import FakeChannel
from channels.limits import FakeLimiter
from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.clock import FixedClock
from duecourse.domain.message import Capability, Outcome, Rendered
from duecourse.domain.vocabulary import Audience, ChannelKind, OutcomeClass, Resolution, StopRule, Urgency
from duecourse.ledger.database import PostgresLedger
from duecourse.policy.disposition import Backoff
from duecourse.policy.gate import decide
from duecourse.policy.house import house_alone
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.quiet_hours import Quiet
from duecourse.policy.text_gate import judge_text
from duecourse.ports import ProviderTerms, TextRequest
from duecourse.usecases.arm import Arm
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.plan_contacts import PlanContacts
from duecourse.usecases.release_contacts import ReleaseContacts
from duecourse.usecases.settle import Settle
from duecourse.usecases.sweep import Sweep

DUE = date(2018, 7, 10)
#: 09:00 in New York.
MORNING = datetime(2018, 7, 10, 13, 0, tzinfo=UTC)
SMS = ChannelKind.SMS
QUIET = Quiet(start=time(21), end=time(8))
ACCEPTED = Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id="m-1")
UNKNOWN = Outcome(kind=OutcomeClass.UNKNOWN, code="read_timeout")


class PlainTexts:
    def render(self, request: TextRequest) -> Rendered:
        total = sum(item.outstanding.minor for item in request.items)
        return Rendered(text=f"{request.name}: {len(request.items)} items, {total}")


class OneOwner:
    async def current(self) -> int:
        return 4711


class ListQueue:
    def __init__(self) -> None:
        self.hints: list[tuple[ChannelKind, Urgency, list[int]]] = []

    async def hint(self, channel: ChannelKind, urgency: Urgency, contact_ids: Sequence[int]) -> None:
        self.hints.append((channel, urgency, list(contact_ids)))

    async def hint_inbox(self) -> None: ...


def rung(**changes: Any) -> Rung:
    plain = Rung(
        name="T0-morning",
        audiences=frozenset(Audience),
        offset_days=0,
        at=time(9),
        not_after=time(12),
        channels=(SMS, ChannelKind.EMAIL),
        template="due_today",
        priority=3,
        stop=frozenset({StopRule.PAID, StopRule.HOLD}),
    )
    return replace(plain, **changes)


@dataclass
class World:
    """A scheduler and workers without processes: each step is called by hand."""

    ledger: PostgresLedger
    clock: FixedClock
    queue: ListQueue
    limiter: FakeLimiter
    channel: FakeChannel
    rungs: tuple[Rung, ...] = (rung(),)
    packs: PackSet = field(default_factory=lambda: house_alone(QUIET))

    async def plan(self) -> dict[str, int]:
        cadence = Cadence(name="default", version=1, rungs=self.rungs)
        return await PlanContacts(
            ledger=self.ledger, clock=self.clock, cadences=[cadence], horizon=timedelta(hours=12)
        )()

    async def release(self) -> list[int]:
        self.queue.hints.clear()
        await ReleaseContacts(
            ledger=self.ledger,
            clock=self.clock,
            limiter=self.limiter,
            queue=self.queue,
            providers={self.channel.capability.channel: [self.channel.name]},
            window_s=5,
            stale_after=timedelta(seconds=10),
        )()
        return [contact_id for *_, ids in self.queue.hints for contact_id in ids]

    def worker(self, channel: FakeChannel | None = None) -> Deliver:
        provider = channel or self.channel
        arm = Arm(
            ledger=self.ledger,
            clock=self.clock,
            gate=partial(decide, packs=self.packs),
            reader=partial(judge_text, packs=self.packs),
            texts=PlainTexts(),
            owner=OneOwner(),
            channels={provider.name: provider},
            lease=timedelta(seconds=30),
            actor="worker:test",
        )
        settle = Settle(
            ledger=self.ledger,
            clock=self.clock,
            backoff=Backoff(base_s=30, cap_s=3600, max_failures=3),
            jitter=lambda: 0.5,
            actor="worker:test",
        )
        return Deliver(
            ledger=self.ledger,
            clock=self.clock,
            limiter=self.limiter,
            channel=provider,
            arm=arm,
            settle=settle,
            micro_batch=100,
            budget_s=10,
            deadline_s=2,
            monotonic=lambda: 0.0,
        )

    async def sweep(self, resolution: Resolution = Resolution.NONE) -> dict[str, int]:
        terms = ProviderTerms(provider="fake", resolution=resolution, settle_s=60, window_s=3600, horizon_s=3600)
        return await Sweep(ledger=self.ledger, clock=self.clock, queue=self.queue, channels=[SMS], terms=[terms])()

    async def deliver(self) -> None:
        """Plan, release and deliver what is due now."""
        await self.plan()
        await self.worker()(await self.release())

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.ledger.transaction() as tx:
            return await (await tx.conn.execute(sql.encode())).fetchall()

    async def states(self) -> list[str]:
        return [row[0] for row in await self.rows("SELECT state FROM contacts ORDER BY contact_id")]

    def later(self, **span: float) -> None:
        moved = timedelta(**span)
        self.clock.set(self.clock.times.business + moved, self.clock.times.lease + moved)


def fake(*outcomes: Outcome, resolution: Resolution = Resolution.NONE) -> FakeChannel:
    capability = Capability(
        channel=SMS, max_batch=100, resolution=resolution, settle_s=60, window_s=3600, horizon_s=3600
    )
    return FakeChannel(*outcomes, capability=capability)
