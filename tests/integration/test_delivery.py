"""From a due date to a settled contact through the real ledger, with a channel that does as it is told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest

from channels.fake import FakeChannel
from channels.limits import FakeLimiter
from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.message import Capability, Outbound, Outcome, Rendered
from duecourse.domain.vocabulary import Audience, ChannelKind, OutcomeClass, Resolution, StopRule
from duecourse.ledger.database import PostgresLedger, PostgresTransaction
from duecourse.policy.disposition import Backoff
from duecourse.policy.gate import decide
from duecourse.policy.quiet_hours import Quiet
from duecourse.ports import ProviderTerms, TextRequest
from duecourse.usecases.arm import Arm
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.plan_contacts import PlanContacts
from duecourse.usecases.release_contacts import ReleaseContacts
from duecourse.usecases.settle import Settle
from duecourse.usecases.sweep import Sweep
from tests.seed import Person, seed

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
        self.hints: list[tuple[ChannelKind, list[int]]] = []

    async def hint(self, channel: ChannelKind, contact_ids: Sequence[int]) -> None:
        self.hints.append((channel, list(contact_ids)))

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
        return [contact_id for _, ids in self.queue.hints for contact_id in ids]

    def worker(self, channel: FakeChannel | None = None) -> Deliver:
        provider = channel or self.channel
        arm = Arm(
            ledger=self.ledger,
            clock=self.clock,
            gate=partial(decide, quiet=QUIET),
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


@pytest.fixture
def world(ledger: PostgresLedger) -> World:
    return World(ledger=ledger, clock=FixedClock(MORNING), queue=ListQueue(), limiter=FakeLimiter(), channel=fake())


async def test_a_due_instalment_becomes_one_delivered_message(world: World) -> None:
    await seed(world.ledger)

    await world.deliver()

    assert await world.states() == ["accepted"]
    assert [m.to for m in world.channel.sent] == ["+12125550100"]
    kinds = [row[0] for row in await world.rows("SELECT kind FROM events ORDER BY event_id")]
    assert kinds == ["contact.planned", "contact.released", "contact.sending", "contact.accepted"]


async def test_planning_and_delivering_again_sends_nothing_more(world: World) -> None:
    await seed(world.ledger)
    await world.deliver()
    sent = [m.contact_id for m in world.channel.sent]

    await world.plan()
    await world.worker()(sent * 2)
    await world.worker()(await world.release() or sent)

    assert len(world.channel.sent) == 1
    assert await world.states() == ["accepted"]


async def test_many_planners_at_once_plan_each_rung_once(world: World) -> None:
    for _ in range(30):
        await seed(world.ledger)

    counts = await asyncio.gather(*(world.plan() for _ in range(4)))

    assert sum(sum(count.values()) for count in counts) == 30
    assert len(await world.states()) == 30


async def test_the_same_hint_given_to_many_workers_is_sent_once(world: World) -> None:
    for _ in range(20):
        await seed(world.ledger)
    await world.plan()
    ids = await world.release()

    await asyncio.gather(*(world.worker()(list(reversed(ids)) if n % 2 else ids) for n in range(4)))

    assert sorted(m.contact_id for m in world.channel.sent) == sorted(ids)


async def test_a_borrower_with_three_instalments_due_gets_one_message_that_lists_them(world: World) -> None:
    await seed(world.ledger, Person(loans=3))

    await world.deliver()

    assert [m.body.text for m in world.channel.sent] == ["Ada Lovelace: 3 items, 30000"]


async def test_what_a_message_lists_is_read_at_the_claim(world: World) -> None:
    seeded = await seed(world.ledger, Person(loans=2))
    await world.plan()
    ids = await world.release()
    await world.rows(
        f"UPDATE instalments SET principal_paid = principal_minor WHERE instalment_id = {seeded.instalment_ids[0]}"
        " RETURNING 1"
    )

    await world.worker()(ids)

    assert [m.body.text for m in world.channel.sent] == ["Ada Lovelace: 1 items, 10000"]


async def test_a_payment_committed_before_the_claim_means_no_send(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    await world.rows("UPDATE instalments SET principal_paid = principal_minor RETURNING 1")

    await world.worker()(ids)

    assert world.channel.sent == []
    assert await world.rows("SELECT state, reason FROM contacts") == [("cancelled", "paid")]


async def test_an_unknown_zone_is_never_sent_to_and_the_record_says_why(world: World) -> None:
    await seed(world.ledger, Person(time_zone=None))

    await world.deliver()
    world.later(hours=-4)
    await world.deliver()

    assert world.channel.sent == []
    assert ("suppressed", "unknown-zone") in await world.rows("SELECT state, reason FROM contacts")
    [(verdict,)] = await world.rows("SELECT data->'verdict' FROM events WHERE kind = 'contact.suppressed'")
    assert verdict["rules"] == ["unknown-zone"]


async def test_without_consent_on_any_channel_the_first_is_recorded_as_refused(world: World) -> None:
    await seed(world.ledger, Person(consent="unknown"))

    await world.deliver()

    assert world.channel.sent == []
    assert await world.rows("SELECT state, reason, channel FROM contacts") == [("suppressed", "no-consent", "sms")]


async def test_the_second_rung_on_one_channel_and_day_is_refused(world: World) -> None:
    await seed(world.ledger)
    world.rungs = (rung(), rung(name="T0-noon", at=time(12), not_after=time(14)))
    await world.deliver()
    world.later(hours=3)

    await world.deliver()

    assert len(world.channel.sent) == 1
    assert ("suppressed", "channel-day-cap") in await world.rows("SELECT state, reason FROM contacts")


async def test_a_rung_in_quiet_hours_waits_until_they_end(world: World) -> None:
    await seed(world.ledger)
    world.rungs = (rung(at=time(6), not_after=time(12)),)
    world.clock.set(MORNING - timedelta(hours=3))

    await world.deliver()

    assert world.channel.sent == []
    [(state, not_before)] = await world.rows("SELECT state, not_before FROM contacts")
    assert (state, not_before) == ("planned", MORNING - timedelta(hours=1))
    world.clock.set(not_before)
    await world.deliver()
    assert len(world.channel.sent) == 1


async def test_a_refusal_for_good_plans_the_next_channel_of_the_rung(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(Outcome(kind=OutcomeClass.REJECTED, code="21211", address_invalid=True))

    await world.deliver()

    rows = await world.rows("SELECT channel, step, state FROM contacts ORDER BY step")
    assert rows == [("sms", 1, "rejected"), ("email", 2, "planned")]
    assert await world.rows("SELECT channel FROM contact_points WHERE invalid_since IS NOT NULL") == [("sms",)]
    assert await world.rows("SELECT counted FROM attempts") == [(False,)]


async def test_an_opt_out_told_by_the_provider_silences_what_is_pending(world: World) -> None:
    await seed(world.ledger)
    world.rungs = (rung(), rung(name="T0-noon", at=time(13), not_after=time(14)))
    world.channel = fake(Outcome(kind=OutcomeClass.REJECTED, code="21610", opted_out=True))

    await world.deliver()

    assert await world.rows("SELECT channel FROM opt_outs") == [("sms",)]
    rows = await world.rows("SELECT rung, channel, state FROM contacts ORDER BY rung, step")
    assert rows == [
        ("T0-morning", "sms", "rejected"),
        ("T0-morning", "email", "planned"),
        ("T0-noon", "sms", "suppressed"),
    ]


async def test_a_transient_failure_is_tried_again_with_growing_pauses_and_then_given_up(world: World) -> None:
    await seed(world.ledger, Person(points={"sms": "+12125550100"}))
    world.channel = fake(*[Outcome(kind=OutcomeClass.TRANSIENT, code="unavailable")] * 3)
    waits = []
    for _ in range(3):
        await world.deliver()
        [(not_before, state)] = await world.rows("SELECT not_before, state FROM contacts")
        waits.append((not_before - world.clock.times.business).total_seconds())
        if state == "planned":
            world.clock.set(not_before)

    assert waits[:2] == [22.5, 45.0]
    assert await world.rows("SELECT state, reason, failures FROM contacts") == [("rejected", "retries-exhausted", 3)]
    assert len(world.channel.sent) == 3


async def test_a_throttled_call_costs_no_try_and_pauses_the_account(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(Outcome(kind=OutcomeClass.THROTTLED, code="429", retry_after_s=7))

    await world.deliver()

    [(state, failures, not_before)] = await world.rows("SELECT state, failures, not_before FROM contacts")
    assert (state, failures) == ("planned", 0)
    assert not_before == MORNING + timedelta(seconds=7)


async def test_perhaps_sent_is_a_state_of_its_own_and_is_never_sent_again_by_time_alone(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN)
    await world.deliver()
    assert await world.states() == ["unknown"]

    for _ in range(5):
        world.later(minutes=10)
        await world.sweep()
        for _, ids in world.queue.hints:
            await world.worker()(ids)

    assert len(world.channel.sent) == 1
    world.later(hours=1)
    await world.sweep()
    assert await world.states() == ["assumed_sent"]
    assert await world.rows("SELECT counted FROM attempts WHERE kind = 'send'") == [(True,)]


async def test_with_a_key_the_same_call_is_made_again_after_the_waiting_time(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN, resolution=Resolution.KEY)
    await world.deliver()
    await world.sweep(Resolution.KEY)
    assert world.queue.hints[1:] == []

    world.later(seconds=61)
    world.queue.hints.clear()
    await world.sweep(Resolution.KEY)
    for _, ids in world.queue.hints:
        await world.worker()(ids)

    first, second = world.channel.sent
    assert (first.idempotency_key, first.body, first.reference) == (
        second.idempotency_key,
        second.body,
        second.reference,
    )
    assert await world.states() == ["accepted"]


async def test_a_same_key_call_is_not_made_once_the_debt_is_paid(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN, resolution=Resolution.KEY)
    await world.deliver()
    await world.rows("UPDATE instalments SET principal_paid = principal_minor RETURNING 1")
    world.later(seconds=61)
    world.queue.hints.clear()

    await world.sweep(Resolution.KEY)
    for _, ids in world.queue.hints:
        await world.worker()(ids)

    assert len(world.channel.sent) == 1
    assert await world.states() == ["unknown"]


async def test_a_look_up_that_finds_it_settles_it(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN, resolution=Resolution.LOOKUP)
    await world.deliver()
    world.channel.accepted[world.channel.sent[0].reference] = "m-7"
    await resolve(world)

    assert await world.states() == ["accepted"]
    assert len(world.channel.sent) == 1


async def test_two_spaced_look_ups_that_find_nothing_prove_it_unsent(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN, resolution=Resolution.LOOKUP)
    await world.deliver()

    await resolve(world)
    assert await world.states() == ["unknown"]
    await resolve(world)

    assert await world.states() == ["planned"]
    assert await world.rows("SELECT counted FROM attempts WHERE kind = 'send'") == [(False,)]
    await world.worker()(await world.release())
    assert [m.attempt for m in world.channel.sent] == [1, 4]


async def resolve(world: World) -> None:
    world.later(seconds=61)
    world.queue.hints.clear()
    await world.sweep(Resolution.LOOKUP)
    for _, ids in world.queue.hints:
        await world.worker()(ids)


async def test_what_a_dead_worker_left_in_sending_becomes_unknown_only_after_its_lease(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    await world.worker().arm(ids, world.channel)

    await world.sweep()
    assert await world.states() == ["sending"]
    world.later(seconds=31)
    await world.sweep()

    assert await world.rows("SELECT state, reason FROM contacts") == [("unknown", "owner-gone")]


async def test_a_lease_that_ran_out_is_kept_while_its_owner_still_lives(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    await world.worker().arm(await world.release(), world.channel)
    world.later(seconds=31)
    async with world.ledger.pool.connection() as living:
        await living.execute("SELECT pg_advisory_lock(4711)")

        await world.sweep()

        assert await world.states() == ["sending"]
        await living.execute("SELECT pg_advisory_unlock(4711)")


async def test_a_late_settle_of_a_worker_that_slept_is_kept_as_evidence(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    worker = world.worker()
    armed = await worker.arm(await world.release(), world.channel)
    world.later(seconds=31)
    await world.sweep()

    await worker._record(await worker._call(armed, deadline=0))

    assert await world.states() == ["accepted"]


async def test_a_released_contact_whose_hint_was_lost_is_hinted_again(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    first = await world.release()
    assert await world.release() == []

    world.later(seconds=11)

    assert await world.release() == first


async def test_what_no_token_covers_goes_back_to_planned(world: World) -> None:
    for _ in range(5):
        await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    world.limiter.budget[world.channel.name] = 2
    world.limiter.wait_s = 60

    await world.worker()(ids)

    assert sorted(await world.states()) == ["accepted", "accepted", "planned", "planned", "planned"]


async def test_a_rung_that_nobody_sent_in_time_expires(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    world.later(hours=3)

    await world.sweep()
    await world.deliver()

    assert await world.rows("SELECT state, reason FROM contacts") == [("expired", "not-after")]
    assert world.channel.sent == []


async def test_one_poisoned_contact_does_not_hold_up_its_neighbours(world: World) -> None:
    await seed(world.ledger, Person(name="poison"))
    await seed(world.ledger)
    world.channel.answer = None

    class Poisoned(PlainTexts):
        def render(self, request: TextRequest) -> Rendered:
            if request.name == "poison":
                raise RuntimeError("a text with Ada's number in it")
            return super().render(request)

    await world.plan()
    worker = world.worker()
    worker = replace(worker, arm=replace(worker.arm, texts=Poisoned()))
    await worker(await world.release())

    assert sorted(await world.states()) == ["accepted", "suppressed"]
    [(data,)] = await world.rows("SELECT data::text FROM events WHERE kind = 'contact.suppressed'")
    assert "render-error" in data
    assert "number" not in data


async def test_an_adapter_that_raises_leaves_its_contacts_unknown(world: World) -> None:
    await seed(world.ledger)

    class Broken(FakeChannel):
        async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
            raise RuntimeError(f"oops {len(batch)}")

    await world.plan()
    await world.worker(Broken(capability=world.channel.capability))(await world.release())

    assert await world.rows("SELECT state, reason FROM contacts") == [("unknown", "adapter-error")]


class FlakyLedger:
    """Loses the answer of the chosen commits: the work stands, and nobody is told."""

    def __init__(self, ledger: PostgresLedger, *lost_commits: int) -> None:
        self._ledger = ledger
        self._lost = set(lost_commits)
        self._count = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        async with self._ledger.transaction() as tx:
            yield tx
        self._count += 1
        if self._count in self._lost:
            raise StoreUnavailable("the connection was cut")


async def test_a_claim_whose_commit_was_not_answered_sends_nothing_and_is_given_back(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    worker = world.worker()
    unsure = replace(worker, arm=replace(worker.arm, ledger=FlakyLedger(world.ledger, 1)))
    with pytest.raises(StoreUnavailable):
        await unsure(await world.release())
    assert (await world.states(), world.channel.sent) == (["sending"], [])

    await unsure.catch_up()

    assert await world.states() == ["planned"]
    assert await world.rows("SELECT outcome, code, counted FROM attempts") == [("transient", "not-started", False)]


async def test_a_claim_that_never_stood_leaves_nothing_behind(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    worker = world.worker()

    class Away(FlakyLedger):
        @asynccontextmanager
        async def transaction(self) -> AsyncIterator[PostgresTransaction]:
            async with self._ledger.transaction() as tx:
                yield tx
                raise StoreUnavailable("the connection was cut")

    unsure = replace(worker, arm=replace(worker.arm, ledger=Away(world.ledger)))
    with pytest.raises(StoreUnavailable):
        await unsure(ids)
    await unsure.catch_up()

    assert await world.states() == ["released"]
    assert await world.rows("SELECT kind FROM events WHERE kind LIKE 'attempt%'") == []
    await world.worker()(ids)
    assert await world.states() == ["accepted"]


async def test_an_outcome_that_could_not_be_recorded_is_recorded_before_anything_else_is_sent(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    worker = world.worker()

    class Down:
        def transaction(self) -> Any:
            raise StoreUnavailable("Postgres is away")

    down = replace(worker, settle=replace(worker.settle, ledger=Down()))
    await down(ids)
    assert await world.states() == ["sending"]

    back = replace(worker, unsettled=down.unsettled)
    await back(ids)

    assert await world.states() == ["accepted"]
    assert len(world.channel.sent) == 1


async def test_the_text_and_the_address_are_sealed_in_the_record(world: World) -> None:
    await seed(world.ledger)

    await world.deliver()

    [(sealed, digest)] = await world.rows("SELECT body_sealed, body_hash FROM attempts")
    assert b"Ada" not in sealed
    assert len(digest) == 32
