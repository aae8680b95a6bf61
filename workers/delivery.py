"""A channel's worker: an actor for each class of urgency, which takes batches of contact ids."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

import dramatiq
import structlog

from duecourse.bootstrap import open_app, open_channels
from duecourse.domain.errors import DuecourseError, StoreUnavailable
from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.ledger.owners import LivingOwner
from duecourse.settings import Settings
from duecourse.usecases.deliver import Deliver
from workers.broker import actor_name, queue_name
from workers.environment import broker_of_process, settings_of_process
from workers.runtime import Runtime

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Above a job's budget and one provider call, below the heartbeat: a job that passes it is lost, not slow.
TIME_LIMIT_MS = 28_000
#: How often outcomes that Postgres was away for are tried again.
_CATCH_UP_S = 5.0


def install(kind: ChannelKind) -> "list[dramatiq.Actor[[list[int]], Any]]":
    """Make this process a worker of the channel: broker, actors, and what they need once the first batch comes."""
    settings = settings_of_process()

    async def opener(stack: AsyncExitStack) -> Deliver:
        deliver = replace(await _open(stack, settings, kind), stopping=runtime.stopping.is_set, pause=runtime.pause)
        stack.push_async_callback(_last_catch_up, deliver, asyncio.create_task(_catch_up(deliver, runtime)))
        return deliver

    runtime = Runtime(opener)
    broker = broker_of_process(settings, runtime)
    dramatiq.set_broker(broker)
    return [_actor(kind, urgency, runtime, broker) for urgency in Urgency]


def _actor(
    kind: ChannelKind, urgency: Urgency, runtime: Runtime[Deliver], broker: dramatiq.Broker
) -> "dramatiq.Actor[[list[int]], Any]":
    async def deliver(contact_ids: list[int]) -> None:
        try:
            done = await (await runtime.get())(contact_ids, urgency)
        except DuecourseError as exc:
            # The hint is spent; the sweep finds its contacts again.
            log.warning("batch.failed", channel=kind.value, size=len(contact_ids), error=str(exc))
        else:
            log.info("batch.delivered", channel=kind.value, size=len(contact_ids), outcomes=dict(done))

    make = dramatiq.actor(
        actor_name=actor_name(kind, urgency),
        queue_name=queue_name(kind, urgency),
        # Of the hints that a process has fetched, the lowest number is run first.
        priority=urgency,
        broker=broker,
        time_limit=TIME_LIMIT_MS,
    )
    return make(deliver)


async def _open(stack: AsyncExitStack, settings: Settings, kind: ChannelKind) -> Deliver:
    app = await stack.enter_async_context(open_app(settings, pool_size=4, generic_plans=True))
    channels = await stack.enter_async_context(open_channels(settings, kind))
    if not channels:
        raise DuecourseError(f"no enabled provider for {kind.value}: see config/providers/")
    owner = LivingOwner(settings.database_url, f"worker:{kind.value}")
    stack.push_async_callback(owner.aclose)
    await owner.current()
    return app.delivering(kind, channels, owner)


async def _catch_up(deliver: Deliver, runtime: Runtime[Deliver]) -> None:
    while not runtime.stopping.is_set():
        with suppress(StoreUnavailable):
            await deliver.catch_up()
        await runtime.pause(_CATCH_UP_S)


async def _last_catch_up(deliver: Deliver, before: asyncio.Task[None]) -> None:
    """What is not recorded when the process ends is resolved as if the worker had died."""
    await before
    with suppress(StoreUnavailable):
        await deliver.catch_up()
