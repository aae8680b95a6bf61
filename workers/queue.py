"""The queue port: hints into Dramatiq. A hint that cannot be written is logged and found again by the sweep."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import dramatiq
import structlog
from dramatiq.errors import BrokerConnectionError
from redis.exceptions import RedisError

from duecourse.domain.vocabulary import ChannelKind, Urgency
from workers.broker import INBOX_QUEUE, delivery_hint, inbox_hint, queue_name

log: structlog.stdlib.BoundLogger = structlog.get_logger()


#: How long a broker that is away is left alone: each try may last seconds, and the scheduler has more to do.
_AWAY_S = 1.0


class DramatiqQueue:
    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker
        self._away_until = 0.0
        # RabbitMQ's client has a connection per thread.
        self._thread = ThreadPoolExecutor(1, "queue")
        for queue in (*(queue_name(*pair) for pair in product(ChannelKind, Urgency)), INBOX_QUEUE):
            broker.declare_queue(queue)

    async def hint(self, channel: ChannelKind, urgency: Urgency, contact_ids: Sequence[int]) -> None:
        """Ask a worker of the channel to look at these contacts."""
        await self._enqueue(delivery_hint(channel, urgency, contact_ids))

    async def hint_inbox(self) -> None:
        """Ask a worker to look at the inbox."""
        await self._enqueue(inbox_hint())

    async def aclose(self) -> None:
        """Let go of the broker; in the thread that its connection belongs to."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._broker.close)
        self._thread.shutdown()

    async def _enqueue(self, message: "dramatiq.Message[None]") -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._broker.enqueue, message)
        except (BrokerConnectionError, RedisError) as exc:
            self._away_until = time.monotonic() + _AWAY_S
            log.warning("queue.unavailable", queue=message.queue_name, error=type(exc).__name__)
