"""What most systems do: one Dramatiq message per text, one `httpx.Client` POST, nothing else. Run by delivery.py."""

import logging
import os

import dramatiq
import httpx
import redis
from dramatiq.brokers.redis import RedisBroker

# Dramatiq turns the root logger to INFO, and httpx writes a line per request: not what is to be measured.
logging.getLogger("httpx").setLevel(logging.WARNING)
broker = RedisBroker(client=redis.Redis.from_url(os.environ["REDIS_URL"]), namespace="bare")
dramatiq.set_broker(broker)
client = httpx.Client(headers={"authorization": f"Bearer {os.environ['SINK_KEY']}"}, trust_env=False)


@dramatiq.actor(max_retries=0)
def post(number: int) -> None:
    reference = f"bare-{number}"
    body = {"reference": reference, "to": "+12125550100", "text": "Your instalment of $100.00 is due today."}
    client.post(os.environ["SINK_URL"], json=body, headers={"idempotency-key": reference}).raise_for_status()


def enqueue(count: int) -> None:
    """All of them, before any worker starts."""
    for number in range(count):
        post.send(number)
