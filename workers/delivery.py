"""A channel's worker: an actor for each class of urgency, which takes batches of contact ids."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import dramatiq
import structlog

from duecourse.bootstrap import open_app, open_channels
from duecourse.domain.errors import DuecourseError, StoreUnavailable
from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.ledger.owners import LivingOwner
from duecourse.settings import Settings
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.pull_contacts import PullContacts
from workers.broker import actor_name, queue_name
from workers.environment import broker_of_process, settings_of_process
from workers.runtime import Runtime
from workers.standing_in import StandIn

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Above a job's budget and one provider call, below the heartbeat: a job that passes it is lost, not slow.
TIME_LIMIT_MS = 28_000
#: How often outcomes that Postgres was away for are tried again.
_CATCH_UP_S = 5.0


class _Opened(NamedTuple):
    deliver: Deliver
    pull: PullContacts


def install(kind: ChannelKind) -> "list[dramatiq.Actor[[list[int]], Any]]":
    """Make this process a worker of the channel: broker, actors, and what they need once the first batch comes."""
    settings = settings_of_process()

    async def opener(stack: AsyncExitStack) -> _Opened:
        opened = await _open(stack, settings, kind)
        deliver = replace(opened.deliver, stopping=runtime.stopping.is_set, pause=runtime.pause)
        stack.push_async_callback(_last_catch_up, deliver, asyncio.create_task(_catch_up(deliver, runtime)))
        return opened._replace(deliver=deliver)

    async def serve(urgency: Urgency) -> bool:
        opened = await runtime.get()
        contact_ids = await opened.pull(urgency)
        if contact_ids:
            await _deliver(opened.deliver, kind, contact_ids, urgency)
        return bool(contact_ids)

    runtime = Runtime(opener)
    broker = broker_of_process(settings, runtime, StandIn(runtime, serve))
    dramatiq.set_broker(broker)
    return [_actor(kind, urgency, runtime, broker) for urgency in Urgency]


def _actor(
    kind: ChannelKind, urgency: Urgency, runtime: "Runtime[_Opened]", broker: dramatiq.Broker
) -> "dramatiq.Actor[[list[int]], Any]":
    async def deliver(contact_ids: list[int]) -> None:
        try:
            await _deliver((await runtime.get()).deliver, kind, contact_ids, urgency)
        except DuecourseError as exc:
            # The hint is spent; the sweep finds its contacts again.
            log.warning("batch.failed", channel=kind.value, size=len(contact_ids), error=str(exc))

    make = dramatiq.actor(
        actor_name=actor_name(kind, urgency),
        queue_name=queue_name(kind, urgency),
        # Of the hints that a process has fetched, the lowest number is run first.
        priority=urgency,
        broker=broker,
        time_limit=TIME_LIMIT_MS,
    )
    return make(deliver)


async def _deliver(deliver: Deliver, kind: ChannelKind, contact_ids: list[int], urgency: Urgency) -> None:
    done = await deliver(contact_ids, urgency)
    log.info("batch.delivered", channel=kind.value, size=len(contact_ids), outcomes=dict(done))


async def _open(stack: AsyncExitStack, settings: Settings, kind: ChannelKind) -> _Opened:
    app = await stack.enter_async_context(open_app(settings, pool_size=4, by_key=True))
    channels = await stack.enter_async_context(open_channels(settings, kind))
    if not channels:
        raise DuecourseError(f"no enabled provider for {kind.value}: see config/providers/")
    owner = LivingOwner(settings.database_url, f"worker:{kind.value}")
    stack.push_async_callback(owner.aclose)
    await owner.current()
    return _Opened(app.delivering(kind, channels, owner), app.pulling(kind))


async def _catch_up(deliver: Deliver, runtime: Runtime[_Opened]) -> None:
    while not runtime.stopping.is_set():
        await _try_to_catch_up(deliver)
        await runtime.pause(_CATCH_UP_S)


async def _try_to_catch_up(deliver: Deliver) -> None:
    try:
        await deliver.catch_up()
    except StoreUnavailable:
        return
    except Exception:
        log.exception("outcomes.failed")
    if deliver.refused:
        log.error("outcomes.refused", contact_ids=[one.armed.contact.contact_id for one in deliver.refused])


async def _last_catch_up(deliver: Deliver, before: asyncio.Task[None]) -> None:
    """What is not recorded when the process ends is resolved as if the worker had died."""
    await before
    await _try_to_catch_up(deliver)
