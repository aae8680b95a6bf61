"""The link in our messages. RFC 8058: a POST with the one-click field ends it, without cookies or redirects."""

import asyncio
import re

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from duecourse.bootstrap import App
from duecourse.domain.tokens import read_token, token_key
from duecourse.usecases.opt_out_by_link import OptOutByLink
from duecourse.web.pages import confirm_page, done_page, gone_page, words_for
from duecourse.web.webhooks import read_body

_PATIENCE_S = 5.0
_MAX_BODY = 4 * 1024
#: Section 3.1 of the RFC lets the client send the field urlencoded or as multipart/form-data.
_ONE_CLICK = re.compile(rb'(?:^|&)List-Unsubscribe=One-Click(?:&|$)|name="?List-Unsubscribe"?\r\n\r\nOne-Click\r\n')


def router(app: App) -> APIRouter:
    """`GET /u/{token}` asks, `POST /u/{token}` does it."""
    routes = APIRouter()
    key = token_key(app.settings.index_key)
    opt_out = OptOutByLink(ledger=app.ledger, clock=app.clock)
    lender = app.settings.lender

    @routes.get("/u/{token}")
    async def ask(token: str, request: Request) -> Response:
        words = words_for(request.headers.get("accept-language", ""))
        if read_token(key, token) is None:
            return HTMLResponse(gone_page(words, lender), status_code=404)
        return HTMLResponse(confirm_page(words, lender))

    @routes.post("/u/{token}")
    async def stop(token: str, request: Request) -> Response:
        words = words_for(request.headers.get("accept-language", ""))
        contact_id = read_token(key, token)
        if contact_id is None:
            return HTMLResponse(gone_page(words, lender), status_code=404)
        body = await read_body(request, _MAX_BODY)
        if body is None or not _ONE_CLICK.search(body):
            return HTMLResponse(confirm_page(words, lender), status_code=400)
        async with asyncio.timeout(_PATIENCE_S):
            found = await opt_out(contact_id)
        return HTMLResponse((done_page if found else gone_page)(words, lender), status_code=200 if found else 404)

    return routes
