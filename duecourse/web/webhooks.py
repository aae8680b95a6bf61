"""Providers' calls: verified on the raw bytes, stored and committed, and only then answered with 200."""

import asyncio
from collections.abc import Mapping

import structlog
from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from duecourse.bootstrap import App
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.message import WebhookRequest
from duecourse.ports import Channel
from duecourse.usecases.store_webhook import StoreWebhook
from duecourse.web.metrics import Meter

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MAX_BODY = 64 * 1024
#: Providers hang up after ten seconds or so; a 503 in time makes them call again.
_PATIENCE_S = 5.0
#: A caller who sends his 64 kB slower than this wants something else.
_BODY_S = 10.0


def router(app: App, channels: Mapping[str, Channel], meter: Meter) -> APIRouter:
    """`POST /webhooks/{provider}`."""
    routes = APIRouter()
    store = StoreWebhook(ledger=app.ledger, clock=app.clock)

    @routes.post("/webhooks/{provider}")
    async def take(provider: str, request: Request) -> Response:
        channel = channels.get(provider)
        if channel is None:
            return _refuse(meter, "-", "unknown_provider", 404)
        body = await read_body(request)
        if body is None:
            return _refuse(meter, provider, "too_large", 413)
        call = public_request(app.settings.public_url, request, body)
        if not channel.verify(call):
            return _refuse(meter, provider, "bad_signature", 400)
        return await _keep(provider, call)

    async def _keep(provider: str, call: WebhookRequest) -> Response:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                inbox_id = await store(provider, call)
        except (StoreUnavailable, TimeoutError):
            meter.webhooks.labels(provider, "unavailable").inc()
            log.warning("webhook.unavailable", provider=provider)
            raise
        meter.webhooks.labels(provider, "stored" if inbox_id else "repeated").inc()
        # After the commit and after the answer: without the hint the sweep finds it.
        return Response(status_code=200, background=BackgroundTask(app.bell.hint_inbox))

    return routes


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes | None:
    """The body, or None as soon as it is longer than `limit`, or takes too long, or breaks off."""
    try:
        async with asyncio.timeout(_BODY_S):
            return await _read(request, limit)
    except (ClientDisconnect, TimeoutError):
        return None


async def _read(request: Request, limit: int) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def public_request(public_url: str, request: Request, body: bytes) -> WebhookRequest:
    """The call as the provider signed it: the configured public address, never what `Host` claims."""
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope["query_string"]
    target = (path + b"?" + query if query else path).decode("latin-1")
    return WebhookRequest(url=public_url + target, headers=dict(request.headers), body=body)


def _refuse(meter: Meter, provider: str, result: str, status: int) -> Response:
    meter.webhooks.labels(provider, result).inc()
    log.warning("webhook.refused", provider=provider, reason=result)
    # What was not read is not waited for.
    return Response(status_code=status, headers={"connection": "close"})
