"""The HTTP door: `/v1/{account}/messages`, as documented in docs/sandbox.md."""

import asyncio
import hmac
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from duecourse.simulator.sandbox.exchange import BEFORE, Answer, Customer, Exchange, Submission

_OVERTAKE_S = 0.05
_HANG_POLL_S = 0.05
_STATUS = {"invalid_address": 422, "opted_out": 422, "content_refused": 422}

EXCHANGE: web.AppKey[Exchange] = web.AppKey("exchange", Exchange)


class RefusedError(Exception):
    """The call as a whole is refused with this status and code."""

    def __init__(self, status: int, code: str, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


Handler = Callable[[web.Request, Customer], Awaitable[web.StreamResponse]]


def routes() -> list[web.RouteDef]:
    return [
        web.post("/v1/{account}/messages", _for_customers(send_one)),
        web.post("/v1/{account}/messages/batch", _for_customers(send_batch)),
        web.get("/v1/{account}/messages", _for_customers(look_up)),
    ]


def _for_customers(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request, _customer(request))
        except RefusedError as refused:
            return _refusal(refused)

    return answered


async def send_one(request: web.Request, customer: Customer) -> web.StreamResponse:
    """`POST /v1/{account}/messages`."""
    item = _submission(await _json(request), request.headers.get("Idempotency-Key", ""))
    (answer,) = await _call(request, customer, [item])
    if error := answer.get("error"):
        return _json_response(answer, _STATUS[error["code"]])
    return _json_response(answer, 200 if answer["status"] == "duplicate" else 201)


async def send_batch(request: web.Request, customer: Customer) -> web.StreamResponse:
    """`POST /v1/{account}/messages/batch`."""
    items = _submissions(await _json(request), customer)
    return _json_response({"results": await _call(request, customer, items)})


async def look_up(request: web.Request, customer: Customer) -> web.StreamResponse:
    """`GET /v1/{account}/messages?reference=R`."""
    if not customer.account.lookup:
        raise RefusedError(404, "no_lookup")
    found = request.app[EXCHANGE].journal.id_of(customer.account.name, request.query.get("reference", ""))
    if found is None:
        raise RefusedError(404, "unknown_reference")
    return _json_response({"id": found, "status": "accepted"})


async def _call(request: web.Request, customer: Customer, items: Sequence[Submission]) -> list[Answer]:
    """One call, with whatever misbehaviour the seed has in store for it."""
    exchange = request.app[EXCHANGE]
    if wait_s := exchange.throttle(customer, items):
        raise RefusedError(429, "rate_limited", wait_s)
    fault = exchange.fault(customer, items)
    if fault in BEFORE:
        await _misbehave(request, customer, fault)
    seen = exchange.seen(customer, items)
    if customer.account.latency_s:
        await asyncio.sleep(customer.account.latency_s)
    answers = [exchange.take(customer, item, before) for item, before in zip(items, seen, strict=True)]
    try:
        if fault:
            await _misbehave(request, customer, fault)
        if exchange.overtaken(customer, items):
            await asyncio.sleep(_OVERTAKE_S)
    finally:
        exchange.complete(customer, items, answers)
    return answers


async def _misbehave(request: web.Request, customer: Customer, fault: str) -> None:
    if fault == "e429":
        raise RefusedError(429, "rate_limited", 1.0)
    if fault == "e503":
        raise RefusedError(503, "unavailable")
    if fault.startswith("timeout"):
        await _hang(request, customer.account.hang_s)
    if not fault.startswith("e500"):
        _cut(request)
    raise RefusedError(500, "internal")


async def _hang(request: web.Request, seconds: float) -> None:
    """Say nothing until the caller gives up or the time has passed."""
    left = seconds
    while left > 0 and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(_HANG_POLL_S)
        left -= _HANG_POLL_S


def _cut(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.WriteTransport):
        request.transport.abort()


def _customer(request: web.Request) -> Customer:
    customer = request.app[EXCHANGE].customers.get(request.match_info["account"])
    if customer is None:
        raise RefusedError(404, "unknown_account")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), customer.account.api_key.encode()):
        raise RefusedError(401, "unauthorised")
    return customer


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as exc:
        raise RefusedError(400, "invalid_request") from exc
    if not isinstance(body, dict):
        raise RefusedError(400, "invalid_request")
    return body


def _submissions(body: dict[str, Any], customer: Customer) -> list[Submission]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise RefusedError(400, "invalid_request")
    if len(messages) > customer.account.max_batch:
        raise RefusedError(413, "batch_too_large")
    return [_submission(m, m.get("idempotency_key") or "") for m in messages]


def _submission(body: dict[str, Any], key: str) -> Submission:
    texts = (body.get("reference"), body.get("to"), body.get("text"), key)
    options = (body.get("subject"), body.get("html"))
    headers = body.get("headers") or {}
    if not all(isinstance(t, str) for t in texts) or not all(isinstance(o, str | None) for o in options):
        raise RefusedError(400, "invalid_request")
    if not isinstance(headers, dict):
        raise RefusedError(400, "invalid_request")
    return Submission(
        reference=body["reference"],
        key=key,
        to=body["to"],
        text=body["text"],
        subject=body.get("subject"),
        html=body.get("html"),
        headers=headers,
    )


def _refusal(refused: RefusedError) -> web.Response:
    headers = {}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(refused.retry_after_s))
    return _json_response({"error": {"code": refused.code}}, refused.status, headers)


def _json_response(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    encoded = json.dumps(body, separators=(",", ":")).encode()
    return web.Response(body=encoded, status=status, headers=headers, content_type="application/json")
