"""The web process: what providers call, what borrowers click, and what monitoring asks."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duecourse.bootstrap import App
from duecourse.domain.errors import StoreUnavailable
from duecourse.ports import Channel
from duecourse.web import health, metrics, unsubscribe, webhooks
from duecourse.web.pages import STYLE_DIGEST

_RETRY_S = "10"
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src '{STYLE_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}


def create_app(app: App, channels: Mapping[str, Channel]) -> FastAPI:
    """The web process' application. `channels`: provider accounts by name, for verifying what they send."""
    # No pages about itself: this process faces the internet.
    web = FastAPI(title="Duecourse", openapi_url=None, docs_url=None, redoc_url=None)
    meter = metrics.Meter(metrics.Figures(ledger=app.ledger, clock=app.clock))
    web.include_router(health.router(app))
    web.include_router(metrics.router(meter))
    web.include_router(webhooks.router(app, channels, meter))
    web.include_router(unsubscribe.router(app))
    web.add_exception_handler(StoreUnavailable, _try_again)
    web.add_exception_handler(TimeoutError, _try_again)
    web.add_middleware(_Headers)
    return web


async def _try_again(_request: Request, _exc: Exception) -> Response:
    """Nothing was changed: providers and mail clients call again."""
    return PlainTextResponse("try again later\n", status_code=503, headers={"retry-after": _RETRY_S})


class _Headers:
    """Says to every browser that nothing here may be framed, cached, sniffed, indexed or told to others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
