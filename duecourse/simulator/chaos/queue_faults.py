"""Hints that nobody asked for: doubled, reordered, stale, undecodable, for an actor that is not there."""

import json
from contextlib import suppress
from functools import partial
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
_LIVE = (ContactState.RELEASED, ContactState.SENDING, ContactState.PLANNED, ContactState.UNKNOWN)
_DONE = (ContactState.ACCEPTED, ContactState.DELIVERED, ContactState.CANCELLED, ContactState.ASSUMED_SENT)


async def _hints(world: World, draw: Draw, *, states: tuple[ContactState, ...]) -> bool:
    """The same contacts several times, in another order each time."""
    channel = draw.pick([kind.value for kind in SHARES], "channel")
    ids = await _some(world, channel, states, draw)
    if not ids:
        return False
    # Dramatiq's own shape of a message, which its documentation lets others write.
    turned = [ids[turn:] + ids[:turn] for turn in range(0, len(ids), max(1, len(ids) // _COPIES))]
    return await _push(world, channel, [_message(channel, f"deliver_{channel}", some) for some in turned])


async def _some(world: World, channel: str, states: tuple[ContactState, ...], draw: Draw) -> list[int]:
    skip = draw.whole(max(1, world.wishes.contacts // 20), "skip")
    with suppress(StoreUnavailable):
        async with world.app.ledger.transaction() as tx:
            return await ChaosRows(tx.conn, tx.vault).some(channel, states, skip=skip, limit=_BATCH)
    return []


async def _undecodable(world: World, draw: Draw) -> bool:
    return await _push(world, draw.pick([kind.value for kind in SHARES], "channel"), [b"\x80 no message"])


async def _stranger(world: World, draw: Draw) -> bool:
    channel = draw.pick([kind.value for kind in SHARES], "channel")
    return await _push(world, channel, [_message(channel, "nobody", [])])


def _message(channel: str, actor: str, ids: list[int]) -> bytes:
    message = {
        "queue_name": channel,
        "actor_name": actor,
        "args": [ids],
        "kwargs": {},
        "options": {},
        "message_id": str(uuid4()),
        "message_timestamp": 0,
    }
    return json.dumps(message).encode()


async def _push(world: World, channel: str, messages: list[bytes]) -> bool:
    with suppress(RedisError, OSError):
        for message in messages:
            redis_id = str(uuid4())
            body = message
            if message.startswith(b"{"):
                body = json.dumps(json.loads(message) | {"options": {"redis_message_id": redis_id}}).encode()
            await world.app.redis.hset(f"{{duecourse}}:{channel}.msgs", redis_id, body)
            await world.app.redis.rpush(f"{{duecourse}}:{channel}", redis_id)
        return True
    return False


QUEUE_FAULTS = (
    Fault(name="hints-doubled", weight=8, deed=partial(_hints, states=_LIVE)),
    Fault(name="hints-stale", weight=6, deed=partial(_hints, states=_DONE)),
    Fault(name="hint-undecodable", weight=3, deed=_undecodable),
    Fault(name="hint-for-nobody", weight=2, deed=_stranger),
)
