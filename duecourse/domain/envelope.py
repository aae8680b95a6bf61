"""A provider's call frozen as it came: what the inbox seals, and what a worker reads again."""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping

from duecourse.domain.message import WebhookRequest

#: Where providers name a delivery of a webhook, the same over their retries. Standard Webhooks, Svix, Twilio.
_DELIVERY_IDS = ("webhook-id", "svix-id", "i-twilio-idempotency-token")


def freeze_request(request: WebhookRequest) -> bytes:
    """The call as JSON. Personal data: seal it."""
    parts = {
        "url": request.url,
        "headers": dict(request.headers),
        "body": b64encode(request.body).decode("ascii"),
    }
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def thaw_request(frozen: bytes) -> WebhookRequest:
    parts = json.loads(frozen)
    return WebhookRequest(url=parts["url"], headers=parts["headers"], body=b64decode(parts["body"]))


def delivery_key(provider: str, request: WebhookRequest) -> str:
    """A digest that a provider's retry of the same call repeats, whatever time stamp and signature it bears."""
    digest = hashlib.sha256()
    for part in (provider, request.url, _delivery_id(request.headers)):
        digest.update(f"{len(part)}:{part}\0".encode())
    digest.update(request.body)
    return digest.hexdigest()


def _delivery_id(headers: Mapping[str, str]) -> str:
    return next((headers[name] for name in _DELIVERY_IDS if name in headers), "")
