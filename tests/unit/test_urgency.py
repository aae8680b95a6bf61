"""Priorities fall into three classes, and those who are in no hurry wait in one place."""

import asyncio

import pytest

from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.usecases.waiting_room import WaitingRoom
from workers.broker import delivery_hint


@pytest.mark.parametrize("priority", range(10))
def test_each_priority_is_in_one_class(priority: int) -> None:
    inside = [urgency for urgency in Urgency if urgency.first <= priority <= urgency]

    assert inside == [Urgency.of(priority)]


def test_a_hint_tells_its_class_by_its_queue_and_holds_ids_only() -> None:
    hints = [delivery_hint(ChannelKind.SMS, urgency, [7]) for urgency in Urgency]

    assert [hint.queue_name for hint in hints] == ["sms.urgent", "sms", "sms.bulk"]
    assert len({hint.actor_name for hint in hints}) == 3
    assert all((hint.args, hint.kwargs, hint.options) == (([7],), {}, {}) for hint in hints)


async def test_who_is_in_no_hurry_hands_over_to_whom_waits_already() -> None:
    room, go = WaitingRoom(), asyncio.Event()
    first = {Urgency.BULK: [1]}
    seated = asyncio.create_task(room.wait(first, go.wait))
    await asyncio.sleep(0)

    assert not await room.wait({Urgency.BULK: [2]}, go.wait)
    assert not await room.wait({Urgency.NORMAL: [3]}, go.wait)
    go.set()

    assert await seated
    assert first == {Urgency.BULK: [1, 2], Urgency.NORMAL: [3]}


async def test_the_urgent_wait_by_themselves() -> None:
    room, go = WaitingRoom(), asyncio.Event()
    waiting = [{Urgency.URGENT: [1]}, {Urgency.URGENT: [2]}, {Urgency.BULK: [3]}]
    tasks = [asyncio.create_task(room.wait(one, go.wait)) for one in waiting]
    await asyncio.sleep(0)
    go.set()

    assert await asyncio.gather(*tasks) == [True, True, True]
    assert waiting[0] == {Urgency.URGENT: [1]}


async def test_a_seat_is_free_again_after_the_wait_however_it_ended() -> None:
    room, never = WaitingRoom(), asyncio.Event()
    waiting = asyncio.create_task(room.wait({Urgency.BULK: [1]}, never.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert await room.wait({Urgency.BULK: [2]}, lambda: asyncio.sleep(0))
