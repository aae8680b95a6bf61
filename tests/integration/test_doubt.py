"""When the end of a call, a claim or a process was not seen: nothing is lost, and nothing is sent twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from channels.fake import FakeChannel
from channels.limits import FakeLimiter
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.message import Outbound, Outcome
from duecourse.domain.vocabulary import OutcomeClass, Resolution
from duecourse.ledger.database import PostgresLedger, PostgresTransaction
from tests.pipeline import UNKNOWN, World, fake
from tests.seed import seed


async def test_perhaps_sent_is_a_state_of_its_own_and_is_never_sent_again_by_time_alone(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN)
    await world.deliver()
    assert await world.states() == ["unknown"]

    for _ in range(5):
        world.later(minutes=10)
        await world.sweep()
        for *_, ids in world.queue.hints:
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
    for *_, ids in world.queue.hints:
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
    for *_, ids in world.queue.hints:
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
    for *_, ids in world.queue.hints:
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

    await worker._record(await worker._call(world.channel, armed, started=0))

    assert await world.states() == ["accepted"]


async def test_an_adapter_that_raises_leaves_its_contacts_unknown(world: World) -> None:
    await seed(world.ledger)

    class Broken(FakeChannel):
        async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
            raise RuntimeError(f"oops {len(batch)}")

    await world.plan()
    await world.worker(Broken(capability=world.channel.capability))(await world.release())

    assert await world.rows("SELECT state, reason FROM contacts") == [("unknown", "adapter-error")]


async def test_a_look_up_that_raises_takes_nothing_from_its_neighbours(world: World) -> None:
    await seed(world.ledger)
    world.channel = fake(UNKNOWN, resolution=Resolution.LOOKUP)
    await world.deliver()
    await seed(world.ledger)

    class Deaf(FakeChannel):
        async def look_up(self, message: Outbound) -> Outcome | None:
            raise RuntimeError(f"oops {message.attempt}")

    world.later(seconds=61)
    world.queue.hints.clear()
    await world.plan()
    ids = await world.release()
    await world.sweep(Resolution.LOOKUP)
    unknown = [contact_id for *_, some in world.queue.hints for contact_id in some if contact_id not in ids]
    await world.worker(Deaf(capability=world.channel.capability))([*ids, *unknown])

    rows = await world.rows("SELECT state, reason FROM contacts ORDER BY state")
    assert rows == [("accepted", None), ("unknown", "adapter-error")]


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


class Puzzling:
    """A ledger whose transactions fail, so many times, in a way that nobody expects."""

    def __init__(self, ledger: PostgresLedger, failing: int) -> None:
        self._ledger = ledger
        self.failing = failing

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        if self.failing:
            self.failing -= 1
            raise RuntimeError("a constraint that nobody thought of")
        async with self._ledger.transaction() as tx:
            yield tx


async def test_an_outcome_whose_recording_fails_unexpectedly_is_recorded_as_long_as_its_owner_lives(
    world: World,
) -> None:
    await seed(world.ledger)
    await seed(world.ledger)
    await world.plan()
    worker = world.worker()
    # The batch, and then the first of the two alone.
    worker = replace(worker, settle=replace(worker.settle, ledger=Puzzling(world.ledger, 2)))
    with pytest.raises(RuntimeError):
        await worker(await world.release())
    assert sorted(await world.states()) == ["accepted", "sending"]

    await worker.catch_up()

    assert await world.states() == ["accepted", "accepted"]
    assert len(world.channel.sent) == 2


async def test_an_outcome_that_can_never_be_recorded_holds_up_nobody(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    worker = world.worker()
    puzzling = Puzzling(world.ledger, 1_000)
    with pytest.raises(RuntimeError):
        await replace(worker, settle=replace(worker.settle, ledger=puzzling))(await world.release())
    await seed(world.ledger)
    await world.plan()

    await worker(await world.release())

    assert await world.states() == ["accepted", "accepted"]


async def test_an_answer_that_can_never_be_recorded_leaves_a_contact_that_is_perhaps_sent(world: World) -> None:
    await seed(world.ledger)
    await seed(world.ledger)
    # No text of Postgres holds a NUL.
    world.channel = fake(Outcome(kind=OutcomeClass.ACCEPTED, code="ok\x00"))
    await world.plan()
    worker = world.worker()
    with pytest.raises(Exception, match=r"NUL|0x00|u0000"):
        await worker(await world.release())
    assert await world.states() == ["sending", "accepted"]

    await worker.catch_up()

    assert await world.states() == ["unknown", "accepted"]
    assert await world.rows("SELECT outcome, code FROM attempts ORDER BY contact_id LIMIT 1") == [
        ("unknown", "unrecordable")
    ]
    assert worker.refused == worker.unsettled == []


async def test_tokens_that_cannot_be_given_back_leave_no_claim_behind(world: World) -> None:
    await seed(world.ledger)
    await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    await world.rows("UPDATE contacts SET state = 'suppressed' WHERE contact_id = " + str(ids[0]) + " RETURNING 1")

    class Jammed(FakeLimiter):
        async def give_back(self, provider: str, count: int, *, endpoint: str = "") -> None:
            raise RuntimeError(f"{provider} {count} {endpoint}")

    with pytest.raises(RuntimeError):
        await replace(world.worker(), limiter=Jammed())(ids)

    assert sorted(await world.states()) == ["planned", "suppressed"]
    assert world.channel.sent == []


async def test_a_job_that_is_cancelled_in_its_claim_leaves_no_claim_behind(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    worker = world.worker()

    class Cancelled(FlakyLedger):
        @asynccontextmanager
        async def transaction(self) -> AsyncIterator[PostgresTransaction]:
            async with self._ledger.transaction() as tx:
                yield tx
            raise asyncio.CancelledError

    cancelled = replace(worker, arm=replace(worker.arm, ledger=Cancelled(world.ledger)))
    with pytest.raises(StoreUnavailable):
        await cancelled(await world.release())
    assert await world.states() == ["sending"]

    await cancelled.catch_up()

    assert await world.states() == ["planned"]
    assert world.channel.sent == []
