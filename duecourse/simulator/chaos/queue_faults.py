"""Hints that nobody asked for: doubled, reordered, stale, undecodable, for an actor that is not there."""

import json
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

from redis.exceptions import RedisError

from duecourse.domain.contact import ContactState
from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.chaos import ChaosRows
from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.wishes import SHARES
from duecourse.simulator.chaos.world import World

_COPIES = 5
_BATCH = 100
_CLASSES = ("", ".urgent", ".bulk")
_NO_MESSAGE = b"\x80 no message"
_NOBODYS, _MANY = 10**12, 700_000
_LIVE = (ContactState.RELEASED, ContactState.SENDING, ContactState.PLANNED, ContactState.UNKNOWN)
_DONE = (ContactState.ACCEPTED, ContactState.DELIVERED, ContactState.CANCELLED, ContactState.ASSUMED_SENT)


async def _hints(world: World, draw: Draw, *, states: tuple[ContactState, ...]) -> bool:
    """The same contacts several times, in another order each time."""
    channel = draw.pick([kind.value for kind in SHARES], "channel")
    ids = await _some(world, channel, states, draw)
    if not ids:
        return False
    turned = [ids[turn:] + ids[:turn] for turn in range(0, len(ids), max(1, len(ids) // _COPIES))]
    return await _push(world, channel, [_message(channel, draw, some) for some in turned])


async def _some(world: World, channel: str, states: tuple[ContactState, ...], draw: Draw) -> list[int]:
    skip = draw.whole(max(1, world.wishes.contacts // 20), "skip")
    with suppress(StoreUnavailable):
        async with world.app.ledger.transaction() as tx:
            return await ChaosRows(tx.conn, tx.vault).some(channel, states, skip=skip, limit=_BATCH)
    return []


async def _undecodable(world: World, draw: Draw) -> bool:
    return await _push(world, draw.pick([kind.value for kind in SHARES], "channel"), [{}])


async def _stranger(world: World, draw: Draw) -> bool:
    channel = draw.pick([kind.value for kind in SHARES], "channel")
    return await _push(world, channel, [_message(channel, draw, []) | {"actor_name": "nobody"}])


async def _huge(world: World, draw: Draw) -> bool:
    """About ten megabytes of contacts that nobody knows."""
    channel = draw.pick([kind.value for kind in SHARES], "channel")
    return await _push(world, channel, [_message(channel, draw, list(range(_NOBODYS, _NOBODYS + _MANY)))])


def _message(channel: str, draw: Draw, ids: list[int]) -> dict[str, Any]:
    """Dramatiq's own shape of a message, which its documentation lets others write."""
    queue = channel + draw.pick(_CLASSES, "class")
    return {
        "queue_name": queue,
        "actor_name": f"deliver_{queue}".replace(".", "_"),
        "args": [ids],
        "kwargs": {},
        "options": {},
        "message_id": str(uuid4()),
        "message_timestamp": 0,
    }


async def _push(world: World, queue: str, messages: list[dict[str, Any]]) -> bool:
    """To the queue that each names; what is no message goes to `queue`."""
    with suppress(RedisError, OSError):
        for message in messages:
            redis_id = str(uuid4())
            body = json.dumps(message | {"options": {"redis_message_id": redis_id}}) if message else _NO_MESSAGE
            key = f"{{duecourse}}:{message.get('queue_name', queue)}"
            await world.app.redis.hset(f"{key}.msgs", redis_id, body)
            await world.app.redis.rpush(key, redis_id)
        return True
    return False


QUEUE_FAULTS = (
    Fault(name="hints-doubled", weight=8, deed=partial(_hints, states=_LIVE)),
    Fault(name="hints-stale", weight=6, deed=partial(_hints, states=_DONE)),
    Fault(name="hint-undecodable", weight=3, deed=_undecodable),
    Fault(name="hint-huge", weight=1, deed=_huge),
    Fault(name="hint-for-nobody", weight=2, deed=_stranger),
)
