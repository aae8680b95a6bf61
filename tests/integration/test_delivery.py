"""From a due date to a settled contact through the real ledger, with a channel that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import time, timedelta

import pytest

from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.message import Outcome, Receipt, Rendered
from duecourse.domain.receipt import Incoming
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, ReceiptKind
from duecourse.ledger.database import PostgresTransaction
from duecourse.ports import TextRequest
from duecourse.usecases.arm import ArmingUnsure
from tests.pipeline import MORNING, PlainTexts, World, fake, rung
from tests.seed import Person, seed


async def test_a_due_instalment_becomes_one_delivered_message(world: World) -> None:
    await seed(world.ledger)

    await world.deliver()

    assert await world.states() == ["accepted"]
    assert [m.to for m in world.channel.sent] == ["+12125550100"]
    kinds = [row[0] for row in await world.rows("SELECT kind FROM events ORDER BY event_id")]
    assert kinds == ["contact.planned", "contact.released", "contact.sending", "contact.accepted"]


async def test_a_settled_attempt_is_found_by_the_id_that_its_provider_gave_it(world: World) -> None:
    await seed(world.ledger)
    await world.deliver()
    ((contact, given),) = await world.rows("SELECT contact_id, provider_message_id FROM attempts")
    receipt = Receipt(event_key="e1", kind=ReceiptKind.DELIVERED, provider_message_id=given)
    told = Incoming(
        inbox_id=1, provider=world.channel.name, channel=ChannelKind.SMS, receipt=receipt, received_at=MORNING
    )
    async with world.ledger.transaction() as tx:
        found = await tx.matches.attempts([told, replace(told, provider="another")])
    assert {place: (match.contact_id, match.number) for place, match in found.items()} == {0: (contact, 1)}


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


async def test_what_messages_passed_is_kept_as_one_list_and_told_in_full(world: World) -> None:
    await seed(world.ledger)
    await seed(world.ledger)

    await world.deliver()

    [(digest, rules)] = await world.rows("SELECT digest, rules FROM rule_lists")
    kept = await world.rows("SELECT data->'verdict' FROM events WHERE kind = 'contact.sending'")
    assert [(verdict["passed"], "rules" in verdict) for (verdict,) in kept] == [(digest, False)] * 2
    async with world.ledger.transaction() as tx:
        story = await tx.stories.tell(world.channel.sent[0].contact_id)
    assert story
    [told] = [event["data"]["verdict"] for event in story.events if event["kind"] == "contact.sending"]
    assert told["rules"] == rules
    assert "quiet-hours" in rules


async def test_a_list_whose_keeping_was_undone_is_kept_by_the_next_claim(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    worker = world.worker()

    class Undoing:
        @asynccontextmanager
        async def transaction(self) -> AsyncIterator[PostgresTransaction]:
            async with world.ledger.transaction() as tx:
                yield tx
                raise StoreUnavailable("Postgres: gone before the commit")

    with pytest.raises(ArmingUnsure):
        await replace(worker.arm, ledger=Undoing())(ids, world.channel)
    assert await world.rows("SELECT digest FROM rule_lists") == []

    await worker(ids)

    assert len(await world.rows("SELECT digest FROM rule_lists")) == 1


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


async def test_the_text_and_the_address_are_sealed_in_the_record(world: World) -> None:
    await seed(world.ledger)

    await world.deliver()

    [(sealed, digest)] = await world.rows("SELECT body_sealed, body_hash FROM attempts")
    assert b"Ada" not in sealed
    assert len(digest) == 32
