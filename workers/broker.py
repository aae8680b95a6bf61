"""The Dramatiq broker as a hint bus: ids only, no retries, no delays, no results.

Redis keys, all under the hash-tagged namespace `{duecourse}` (one slot of a cluster): see Dramatiq's dispatch.lua.
RabbitMQ's queues: see workers/rabbitmq.py.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import dramatiq
import redis
from dramatiq.broker import MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import AsyncIO, CurrentMessage, Middleware, ShutdownNotifications, TimeLimit
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from duecourse.domain.errors import ConfigError
from duecourse.domain.vocabulary import ChannelKind, Urgency
from workers.reach import Reach

INBOX_QUEUE = "inbox"
#: A worker without work looks for hints this often. Dramatiq's second would be most of a message's way out.
_LOOK_EVERY_MS = 100


class _HintConsumer(_RedisConsumer):
    """A process that is told to end does not wait for Redis: whoever finds its hints runs them, once more at worst."""

    def ack(self, message: MessageProxy) -> None:
        try:
            super().ack(message)  # type: ignore[no-untyped-call]  # Dramatiq leaves its brokers untyped
        except ConnectionClosed:
            if not self.broker.ending:
                raise

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Asked for at the end only. Dramatiq expects this error where Redis is away, and no other."""
        try:
            super().requeue(messages)  # type: ignore[no-untyped-call]
        except RedisError as exc:
            raise ConnectionClosed(exc) from exc  # type: ignore[no-untyped-call]


class _HintBroker(RedisBroker):
    ending = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self.reach = Reach()

    def _dispatch(self, command: str) -> Callable[..., Any]:
        """All that is asked of Redis goes through here."""
        ask = super()._dispatch(command)  # type: ignore[no-untyped-call]

        def watched(*args: Any) -> Any:
            try:
                answer = ask(*args)
            except RedisError:
                self.reach.failed()
                raise
            self.reach.answered()
            return answer

        return watched

    @property
    def consumer_class(self) -> type[_HintConsumer]:
        return _HintConsumer


class _Manners(Middleware):
    """How a worker process begins and ends."""

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Dramatiq's own variable wins where it is set."""
        if "dramatiq_worker_timeout" not in os.environ:
            worker.worker_timeout = _LOOK_EVERY_MS

    def before_worker_shutdown(self, broker: Any, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        broker.ending = True


def make_broker(url: str, *extra: Middleware) -> dramatiq.Broker:
    """A broker for one process, on Redis or RabbitMQ: build it after the fork, never before.

    Raises:
        ConfigError: the address is RabbitMQ's, and its client is not installed or does not understand it.
    """
    middleware: list[Middleware] = [TimeLimit(), ShutdownNotifications(), AsyncIO(), CurrentMessage(), *extra]
    if not urlsplit(url).scheme.startswith("amqp"):
        return _on_redis(url, middleware)
    try:
        from workers.rabbitmq import make_rabbitmq_broker  # noqa: PLC0415 - its client is an extra

        return make_rabbitmq_broker(url, middleware)
    except ModuleNotFoundError as exc:
        problem = f"{exc.name} is not installed: install duecourse[rabbitmq]"
        raise ConfigError(file="environment", key="BROKER_URL", problem=problem) from exc
    except ValueError as exc:
        raise ConfigError(file="environment", key="BROKER_URL", problem="is no address that pika can read") from exc


def _on_redis(url: str, middleware: list[Middleware]) -> RedisBroker:
    """On Redis, by a client that repeats nothing: for one lost reply it would run a hint twice.

    A worker's heartbeat is lost after 30 s; then another takes over its hints, which is harmless as the claim takes
    each contact once.
    """
    client = redis.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=2, socket_connect_timeout=2, health_check_interval=15
    )
    return _HintBroker(
        client=client,
        middleware=[*middleware, _Manners()],
        namespace="{duecourse}",
        heartbeat_timeout=30_000,
        maintenance_chance=20_000,
        dead_message_ttl=86_400_000,
    )


def queue_name(kind: ChannelKind, urgency: Urgency) -> str:
    """A channel has a queue for each class: an urgent hint never stands behind a campaign's."""
    return kind.value if urgency is Urgency.NORMAL else f"{kind.value}.{urgency.name.lower()}"


def actor_name(kind: ChannelKind, urgency: Urgency) -> str:
    return f"deliver_{queue_name(kind, urgency)}".replace(".", "_")


def delivery_hint(kind: ChannelKind, urgency: Urgency, contact_ids: Sequence[int]) -> dramatiq.Message[None]:
    """A due-date job: the ids of contacts that may be sent now, nothing else. Its queue tells their class."""
    return dramatiq.Message(
        queue_name=queue_name(kind, urgency),
        actor_name=actor_name(kind, urgency),
        args=(list(contact_ids),),
        kwargs={},
        options={},
    )


def inbox_hint() -> dramatiq.Message[None]:
    return dramatiq.Message(queue_name=INBOX_QUEUE, actor_name="apply_inbox", args=(), kwargs={}, options={})
