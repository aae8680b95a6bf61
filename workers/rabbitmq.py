"""RabbitMQ as the hint bus: with `BROKER_URL=amqp://...`. Imported only then, as it needs the extra `rabbitmq`."""

from typing import Any

import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPConnectionError

from workers.reach import Reach

#: A hint that nobody took by then is stale: its contacts were released again, with a hint of their own.
_HINT_TTL_MS = 60_000
#: So many wait at most; the oldest goes first, and the sweep finds its contacts.
_MOST_HINTS = 10_000


def _connection(broker: "HintBroker") -> pika.BlockingConnection:
    """Of this thread. Tried once where nobody answers: that error of pika's is none of those that Dramatiq knows."""
    known = getattr(broker.state, "connection", None)
    if known is not None:
        return known
    try:
        fresh = _CONNECTION.fget(broker)
    except AMQPConnectionError:
        broker.reach.failed()
        raise
    except AMQPConnectorException as exc:
        broker.reach.failed()
        raise ConnectionClosed(exc) from exc  # type: ignore[no-untyped-call]
    broker.reach.answered()
    return fresh


_CONNECTION: Any = RabbitmqBroker.connection


class HintBroker(RabbitmqBroker):
    """Queues that forget: what is stale, too much, or refused is dropped, and piles up nowhere."""

    connection = property(_connection, fdel=_CONNECTION.fdel)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.reach = Reach()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Any:
        """A consumer connects here, and again after its connection was lost."""
        try:
            consumer = super().consume(queue_name, prefetch, timeout)
        except (ConnectionClosed, AMQPConnectorException) as exc:
            self.reach.failed()
            raise ConnectionClosed(exc) from exc  # type: ignore[no-untyped-call]
        self.reach.answered()
        return consumer

    def close(self) -> None:
        """A node that does not answer is not said goodbye to: that would take seconds for each connection."""
        if not self.reach.away_s():
            super().close()

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:  # noqa: ARG002
        return {"x-message-ttl": _HINT_TTL_MS, "x-max-length": _MOST_HINTS, "x-overflow": "drop-head"}


def make_rabbitmq_broker(url: str, middleware: list[Middleware]) -> RabbitmqBroker:
    """A hint counts as written once RabbitMQ says so. A dead line is noticed within seconds, a full server too."""
    broker = HintBroker(url=url, middleware=middleware, confirm_delivery=True)
    parameters: pika.URLParameters = broker.parameters
    parameters.heartbeat = 10
    parameters.socket_timeout = 2
    parameters.stack_timeout = 5
    parameters.blocked_connection_timeout = 5
    return broker
