"""The Dramatiq broker as a hint bus: ids only, no retries, no delays, no results.

Redis keys, all under the hash-tagged namespace `{duecourse}` (one slot of a cluster): see Dramatiq's dispatch.lua.
"""

from collections.abc import Sequence

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, CurrentMessage, Middleware, ShutdownNotifications, TimeLimit
from redis.backoff import NoBackoff
from redis.retry import Retry

from duecourse.domain.vocabulary import ChannelKind

INBOX_QUEUE = "inbox"


def make_broker(redis_url: str, *extra: Middleware) -> RedisBroker:
    """A broker for one process: build it after the fork, never before.

    A client that retries by itself would run a hint twice for one lost reply, so it must not. A worker's heartbeat
    is lost after 30 s; then another takes over its hints, which is harmless as the claim takes each contact once.
    """
    client = redis.Redis.from_url(
        redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=2, socket_connect_timeout=2, health_check_interval=15
    )
    middleware: list[Middleware] = [TimeLimit(), ShutdownNotifications(), AsyncIO(), CurrentMessage(), *extra]
    broker: RedisBroker = RedisBroker(  # type: ignore[no-untyped-call]  # Dramatiq leaves its brokers untyped
        client=client,
        middleware=middleware,
        namespace="{duecourse}",
        heartbeat_timeout=30_000,
        maintenance_chance=20_000,
        dead_message_ttl=86_400_000,
    )
    return broker


def actor_name(kind: ChannelKind) -> str:
    return f"deliver_{kind.value}"


def delivery_hint(kind: ChannelKind, contact_ids: Sequence[int]) -> dramatiq.Message[None]:
    """A due-date job: the ids of contacts that may be sent now, nothing else."""
    return dramatiq.Message(
        queue_name=kind.value, actor_name=actor_name(kind), args=(list(contact_ids),), kwargs={}, options={}
    )


def inbox_hint() -> dramatiq.Message[None]:
    return dramatiq.Message(queue_name=INBOX_QUEUE, actor_name="apply_inbox", args=(), kwargs={}, options={})
