"""The same as bare_actor.py, in Celery: one task per text, one `httpx.Client` POST. Run by speed.py."""

import os
from urllib.parse import parse_qs, urlsplit

import httpx
from celery import Celery


def broker(url: str) -> str:
    """The same Redis, as Celery writes the address of a unix socket."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}?virtual_host={parse_qs(parts.query).get('db', ['0'])[0]}"


app = Celery("rival", broker=broker(os.environ["REDIS_URL"]))
# What Celery's own guide advises for many short tasks.
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=64, worker_send_task_events=False,
                broker_connection_retry_on_startup=True)  # fmt: skip
client = httpx.Client(headers={"authorization": f"Bearer {os.environ['SINK_KEY']}"}, trust_env=False)


@app.task
def post(number: int) -> None:
    reference = f"celery-{number}"
    body = {"reference": reference, "to": "+12125550100", "text": "Your instalment of $100.00 is due today."}
    client.post(os.environ["SINK_URL"], json=body, headers={"idempotency-key": reference}).raise_for_status()


def enqueue(count: int) -> None:
    """All of them, before any worker starts."""
    with app.producer_or_acquire() as producer:
        for number in range(count):
            post.apply_async((number,), producer=producer)
