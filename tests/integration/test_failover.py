"""Several providers share a channel: by weight, and over to another only when the first surely did not process."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from channels.fake import FakeChannel
from channels.health import FakeHealth
from duecourse.domain.message import Capability, Outbound, Outcome
from duecourse.domain.vocabulary import OutcomeClass, Resolution
from duecourse.ports import ProviderTerms
from duecourse.routing.route import Deadlines, Lane, Route
from duecourse.usecases.choose_providers import ChooseProviders
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.sweep import Sweep
from tests.conftest import Eventually
from tests.pipeline import MORNING, SMS, UNKNOWN, World
from tests.seed import Person, seed

BUSY = Outcome(kind=OutcomeClass.TRANSIENT, code="503")
SLOW_DOWN = Outcome(kind=OutcomeClass.THROTTLED, code="429", retry_after_s=600.0)
WRONG = Outcome(kind=OutcomeClass.MISCONFIGURED, code="401")


def provider(
    name: str,
    *outcomes: Outcome,
    resolution: Resolution = Resolution.NONE,
    answer: Callable[[Outbound], Outcome | None] | None = None,
) -> FakeChannel:
    capability = Capability(
        channel=SMS, max_batch=100, resolution=resolution, settle_s=60, window_s=3600, horizon_s=3600, receipts=True
    )
    return FakeChannel(*outcomes, name=name, capability=capability, answer=answer)


@dataclass
class Rig:
    """A worker on a route of these providers."""

    world: World
    channels: dict[str, FakeChannel]
    route: Route
    health: FakeHealth = field(default_factory=FakeHealth)
    worker: Deliver = field(init=False)

    def __post_init__(self) -> None:
        plain = self.world.worker(self.channels[self.route.providers[0]])
        self.choose = ChooseProviders(
            ledger=self.world.ledger, clock=self.world.clock, health=self.health, route=self.route
        )
        arm = replace(plain.arm, channels=self.channels)
        self.worker = replace(plain, arm=arm, choose=self.choose, pause=self.wait)

    async def wait(self, _seconds: float) -> None:
        """The worker waits: what providers asked to wait for is over then."""
        self.world.limiter.pauses.clear()

    async def round(self) -> None:
        """What is due now is released and delivered; what providers asked to wait for is over."""
        self.world.limiter.pauses.clear()
        await self.worker(await self.world.release())

    async def sweep(self) -> None:
        """Resolve what is unknown, as far as it can be now."""
        terms = [
            ProviderTerms(
                provider=name,
                resolution=one.capability.resolution,
                settle_s=60,
                window_s=3600,
                horizon_s=3600,
            )
            for name, one in self.channels.items()
        ]
        self.world.queue.hints.clear()
        self.world.limiter.pauses.clear()
        ledger, clock, queue = self.world.ledger, self.world.clock, self.world.queue
        await Sweep(ledger=ledger, clock=clock, queue=queue, channels=[SMS], terms=terms)()
        for *_, ids in list(self.world.queue.hints):
            await self.worker(ids)

    def sent(self) -> dict[str, int]:
        return {name: len(one.sent) for name, one in self.channels.items()}


def rig(world: World, *channels: FakeChannel, lanes: Mapping[str, Lane] | None = None, **route: Any) -> Rig:
    found = tuple((lanes or {}).get(one.name, Lane(provider=one.name)) for one in channels)
    return Rig(
        world=world,
        channels={one.name: one for one in channels},
        route=Route(channel=SMS, lanes=found, **route),
    )


async def people(world: World, count: int) -> None:
    for _ in range(count):
        await seed(world.ledger)
    await world.plan()


def first_of(rig: Rig, contact_id: int) -> str:
    return next(name for name, one in rig.channels.items() if any(m.contact_id == contact_id for m in one.sent))


async def test_contacts_are_divided_by_weight_and_each_leaves_once(world: World) -> None:
    await people(world, 60)
    lanes = {"acme": Lane(provider="acme", weight=3), "bolt": Lane(provider="bolt", weight=1)}
    shared = rig(world, provider("acme"), provider("bolt"), lanes=lanes)
    await shared.round()

    assert await world.states() == ["accepted"] * 60
    assert sum(shared.sent().values()) == 60
    assert shared.sent()["acme"] > shared.sent()["bolt"] > 0
    recorded = dict(await world.rows("SELECT provider, count(*) FROM attempts GROUP BY 1"))
    assert recorded == shared.sent()


async def test_a_re_claim_goes_to_the_same_provider(world: World) -> None:
    await people(world, 20)
    shared = rig(world, provider("acme"), provider("bolt"))
    ids = await world.release()
    assert await shared.choose(ids) == await shared.choose(list(reversed(ids)))


@pytest.mark.parametrize("failure", [BUSY, SLOW_DOWN, WRONG], ids=lambda outcome: outcome.kind.value)
async def test_what_surely_was_not_sent_goes_to_another_provider_at_once(world: World, failure: Outcome) -> None:
    await people(world, 10)
    shared = rig(world, provider("acme", answer=lambda _: failure), provider("bolt"))
    await shared.round()
    failed = len(shared.channels["acme"].sent)
    assert 0 < failed < 10
    assert Counter(await world.states()) == {"accepted": 10 - failed, "planned": failed}

    await shared.round()

    assert await world.states() == ["accepted"] * 10
    assert shared.sent() == {"acme": failed, "bolt": 10}
    counted = await world.rows("SELECT provider, counted FROM attempts ORDER BY 1, 2")
    assert counted == [("acme", False)] * failed + [("bolt", True)] * 10


async def test_a_request_for_silence_is_heeded_for_the_provider_that_asked(world: World) -> None:
    await people(world, 10)
    shared = rig(world, provider("acme", answer=lambda _: SLOW_DOWN), provider("bolt"))
    await shared.round()
    assert world.limiter.pauses == [("acme", 600.0)]


async def test_where_all_have_failed_the_next_try_waits(world: World) -> None:
    await people(world, 1)
    shared = rig(world, provider("acme", answer=lambda _: BUSY), provider("bolt", answer=lambda _: BUSY))
    await shared.round()
    await shared.round()
    await shared.round()
    assert shared.sent() == {"acme": 1, "bolt": 1}

    world.later(hours=1)
    await shared.round()
    assert sum(shared.sent().values()) == 3


@pytest.mark.parametrize("resolution", Resolution)
async def test_what_was_perhaps_sent_is_asked_about_where_it_was_sent_and_nowhere_else(
    world: World, resolution: Resolution
) -> None:
    await people(world, 12)
    doubtful = provider("acme", resolution=resolution, answer=lambda m: None if m.armed_at else UNKNOWN)
    shared = rig(world, doubtful, provider("bolt", resolution=resolution))
    await shared.round()
    asked = {message.contact_id for message in doubtful.sent}
    assert asked
    # Acme is all but drained by now: it makes no difference to what it may have processed.
    shared.health.told = {"acme": 0.02}
    for message in list(doubtful.sent):
        doubtful.accepted[message.reference] = "m-1"

    for _ in range(4):
        world.later(seconds=61)
        await shared.round()
        await shared.sweep()

    assert asked.isdisjoint({message.contact_id for message in shared.channels["bolt"].sent})
    expected = "unknown" if resolution is Resolution.NONE else "accepted"
    assert Counter(await world.states())[expected] >= len(asked)
    if resolution is Resolution.NONE:
        world.later(hours=2)
        await shared.sweep()
        assert Counter(await world.states())["assumed_sent"] == len(asked)


async def test_what_a_look_up_proves_unsent_may_go_to_another_provider(world: World) -> None:
    await people(world, 12)
    doubtful = provider("acme", resolution=Resolution.LOOKUP, answer=lambda _: UNKNOWN)
    shared = rig(world, doubtful, provider("bolt"))
    await shared.round()
    asked = {message.contact_id for message in doubtful.sent}

    for _ in range(3):
        world.later(seconds=61)
        await shared.sweep()
    await shared.round()

    assert len(doubtful.looked_up) == 2 * len(asked)
    assert await world.states() == ["accepted"] * 12
    assert asked <= {message.contact_id for message in shared.channels["bolt"].sent}
    assert len(doubtful.sent) == len(asked)


async def test_a_drained_provider_gets_a_trickle(world: World) -> None:
    await people(world, 40)
    shared = rig(world, provider("acme"), provider("bolt"))
    shared.health.told = {"acme": 0.02}
    await shared.round()
    assert shared.sent()["acme"] <= 5
    assert sum(shared.sent().values()) == 40


async def test_all_workers_are_told_how_the_calls_ended(world: World) -> None:
    await people(world, 10)
    shared = rig(world, provider("acme", answer=lambda _: BUSY), provider("bolt"))
    await shared.round()
    failed = shared.sent()["acme"]
    assert shared.health.seen["acme"] == {"unsent": failed}
    assert shared.health.seen["bolt"] == {"good": 10 - failed, "sent": 10 - failed}


async def test_a_contact_leaves_through_a_provider_that_serves_its_country(world: World) -> None:
    await people(world, 20)
    lanes = {"acme": Lane(provider="acme", weight=99, countries=frozenset({"DE"}))}
    shared = rig(world, provider("acme"), provider("bolt"), lanes=lanes)
    await shared.round()
    assert shared.sent() == {"acme": 0, "bolt": 20}


async def test_where_nobody_serves_its_country_the_rung_goes_on_to_its_next_channel(world: World) -> None:
    await people(world, 1)
    abroad = {name: Lane(provider=name, countries=frozenset({"DE"})) for name in ("acme", "bolt")}
    shared = rig(world, provider("acme"), provider("bolt"), lanes=abroad)
    await shared.round()

    assert sum(shared.sent().values()) == 0
    contacts = await world.rows("SELECT channel, state, reason FROM contacts ORDER BY step")
    assert contacts == [("sms", "suppressed", "no-route"), ("email", "planned", None)]


async def test_a_provider_that_cannot_keep_up_is_passed_over(world: World) -> None:
    await people(world, 20)
    shared = rig(world, provider("acme"), provider("bolt"))
    world.limiter.budget["acme"] = 0
    world.limiter.wait_s = 60.0
    await shared.round()
    behind = 20 - shared.sent()["bolt"]
    assert behind > 0
    assert Counter(await world.states()) == {"accepted": 20 - behind, "planned": behind}

    await shared.round()
    assert shared.sent() == {"acme": 0, "bolt": 20}


async def test_a_provider_that_hangs_does_not_hold_up_the_others(world: World, eventually: Eventually) -> None:
    await people(world, 20)
    hanging = _Hanging("acme")
    shared = rig(world, hanging, provider("bolt"))
    job = asyncio.create_task(shared.worker(await world.release()))
    await hanging.called.wait()
    others = 20 - len(hanging.sent)

    async def left() -> bool:
        return (await world.states()).count("accepted") == others

    await eventually(left)
    assert not job.done()
    hanging.go.set()
    await job
    assert await world.states() == ["accepted"] * 20


class _Hanging(FakeChannel):
    """Answers when it is let go."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.called, self.go = asyncio.Event(), asyncio.Event()

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        outcomes = await super().send(batch)
        self.called.set()
        await self.go.wait()
        return outcomes


async def test_a_channel_is_given_up_at_its_deadline_for_the_next_one(world: World) -> None:
    await people(world, 1)
    failing = [provider(name, answer=lambda _: BUSY) for name in ("acme", "bolt")]
    shared = rig(world, *failing, deadlines=Deadlines(provider_s=30, channel_s=40))
    await shared.round()
    await shared.round()

    contacts = await world.rows("SELECT channel, state, reason FROM contacts ORDER BY step")
    assert contacts == [("sms", "rejected", "channel-deadline"), ("email", "planned", None)]
    assert shared.sent() == {"acme": 1, "bolt": 1}


async def test_the_last_channel_of_a_rung_is_tried_until_the_contact_itself_is_too_late(world: World) -> None:
    world.rungs = (replace(world.rungs[0], channels=(SMS,)),)
    await people(world, 1)
    failing = [provider(name, answer=lambda _: SLOW_DOWN) for name in ("acme", "bolt")]
    shared = rig(world, *failing, deadlines=Deadlines(provider_s=60, channel_s=70))
    for _ in range(5):
        await shared.round()
        world.later(minutes=11)
    assert await world.states() == ["planned"]


async def test_after_its_time_with_one_provider_a_contact_prefers_the_other(world: World) -> None:
    await people(world, 1)
    failing = [provider(name, answer=lambda _: BUSY) for name in ("acme", "bolt")]
    shared = rig(world, *failing, deadlines=Deadlines(provider_s=300, channel_s=9_000))
    await shared.round()
    [contact] = await world.rows("SELECT contact_id FROM contacts")
    first = first_of(shared, contact[0])
    world.later(seconds=250)
    await shared.round()
    world.later(seconds=200)
    await shared.round()
    # The first one's turn would come next, but its 300 seconds are over and the other's are not.
    assert shared.sent()[first] == 1


async def test_no_first_byte_is_written_after_the_contacts_own_last_moment(world: World) -> None:
    await people(world, 1)
    shared = rig(world, provider("acme"), provider("bolt"))
    noon = MORNING.replace(hour=16)
    world.clock.set(noon - timedelta(milliseconds=250))
    await shared.round()
    [message] = [message for one in shared.channels.values() for message in one.sent]
    assert message.deadline == pytest.approx(0.25)


async def test_whatever_providers_do_no_two_of_them_perhaps_process_one_contact(world: World) -> None:
    """Each provider has a book of what it really took, also where its answer was lost."""
    chance = random.Random(7)
    taken: dict[int, list[str]] = defaultdict(list)

    def answering(name: str, resolution: Resolution) -> FakeChannel:
        def answer(message: Outbound) -> Outcome | None:
            drawn = chance.random()
            if drawn < 0.25:
                return BUSY
            if drawn < 0.4:
                return SLOW_DOWN
            if message.idempotency_key not in one.accepted and drawn < 0.9:
                taken[message.contact_id].append(name)
                one.accepted[message.idempotency_key] = f"{name}-{message.reference}"
            if drawn < 0.65:
                return UNKNOWN
            known = one.accepted.get(message.idempotency_key)
            return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=known) if known else UNKNOWN

        one = provider(name, resolution=resolution, answer=answer)
        return one

    world.rungs = (replace(world.rungs[0], channels=(SMS,)),)
    await people(world, 80)
    channels = [
        answering("acme", Resolution.KEY),
        answering("bolt", Resolution.LOOKUP),
        answering("core", Resolution.NONE),
    ]
    shared = rig(world, *channels, deadlines=Deadlines())
    shared.health.told = {"acme": 0.6}
    for _ in range(25):
        await shared.round()
        await shared.sweep()
        world.later(seconds=61)

    assert max(Counter(sent).total() for sent in taken.values()) == 1
    assert {name for sent in taken.values() for name in sent} == {"acme", "bolt", "core"}
    tried = await world.rows("SELECT count(*) FROM attempts WHERE kind = 'send'")
    assert tried[0][0] > 100


async def test_a_person_abroad_and_one_at_home_are_told_apart_in_one_job(world: World) -> None:
    await seed(world.ledger, Person(name="Home"))
    abroad = await seed(world.ledger, Person(name="Abroad"))
    async with world.ledger.transaction() as tx:
        await tx.conn.execute("UPDATE borrowers SET country = 'DE' WHERE borrower_id = %s", (abroad.borrower_id,))
    await world.plan()
    lanes = {
        "acme": Lane(provider="acme", countries=frozenset({"DE"})),
        "bolt": Lane(provider="bolt", countries=frozenset({"US"})),
    }
    shared = rig(world, provider("acme"), provider("bolt"), lanes=lanes)
    await shared.round()
    assert [message.body.text[:6] for message in shared.channels["acme"].sent] == ["Abroad"]
    assert [message.body.text[:4] for message in shared.channels["bolt"].sent] == ["Home"]
