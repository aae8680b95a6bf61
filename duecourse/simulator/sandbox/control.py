"""The back door for tests and the demo: virtual clock, replies, faults, the log. Only from this machine."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from duecourse.domain.errors import InputError
from duecourse.simulator.sandbox.account import account_from
from duecourse.simulator.sandbox.api import EXCHANGE
from duecourse.simulator.sandbox.exchange import Behaviour, Exchange
from duecourse.simulator.sandbox.journal import EntryKind

_LOOPBACK = {"127.0.0.1", "::1"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes() -> list[web.RouteDef]:
    return [
        web.put("/control/clock", _guarded(set_clock)),
        web.get("/control/state", _guarded(show_state)),
        web.post("/control/replies", _guarded(reply)),
        web.put("/control/accounts/{name}", _guarded(change_account)),
        web.post("/control/behaviour", _guarded(set_behaviour)),
        web.get("/control/log", _guarded(stream_log)),
    ]


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.remote not in _LOOPBACK:
            return web.json_response({"error": {"code": "loopback_only"}}, status=403)
        try:
            return await handler(request)
        except (InputError, KeyError, TypeError, ValueError) as exc:
            problem = str(exc) if isinstance(exc, InputError) else "invalid_request"
            return web.json_response({"error": {"code": problem}}, status=400)

    return guarded


async def set_clock(request: web.Request) -> web.StreamResponse:
    """`{"business": iso or null}`: stamp entries with this time and send the receipts that have become due."""
    given = (await request.json())["business"]
    business = datetime.fromisoformat(given) if given else None
    if business and business.tzinfo is None:
        raise InputError("business: must name a time zone")
    exchange = request.app[EXCHANGE]
    exchange.desk.set_business(business)
    return web.json_response(state_of(exchange))


async def show_state(request: web.Request) -> web.StreamResponse:
    return web.json_response(state_of(request.app[EXCHANGE]))


def state_of(exchange: Exchange) -> dict[str, Any]:
    """Counts and what is still to come; `business` and `next_receipt_at` are ISO or null."""
    journal, desk = exchange.journal, exchange.desk
    return {
        **{kind.value: journal.counts[kind] for kind in EntryKind},
        "lines": len(journal),
        "pending_receipts": desk.pending,
        "held_receipts": desk.held,
        "next_receipt_at": desk.next_due.isoformat() if desk.next_due else None,
        "business": journal.business.isoformat() if journal.business else None,
        "accounts": {name: c.account.as_json() for name, c in exchange.customers.items()},
    }


async def reply(request: web.Request) -> web.StreamResponse:
    """`{"account", "to", "text"}`: the borrower at that address answers."""
    body = await request.json()
    exchange = request.app[EXCHANGE]
    exchange.desk.reply(exchange.customers[body["account"]].account, body["to"], body["text"])
    return web.json_response({"status": "accepted"}, status=202)


async def change_account(request: web.Request) -> web.StreamResponse:
    """Any of an account's values; an account that is not there is opened."""
    name = request.match_info["name"]
    exchange = request.app[EXCHANGE]
    before = exchange.customers.get(name)
    account = account_from(name, await request.json(), before.account if before else None)
    exchange.open_account(account)
    return web.json_response(account.as_json())


async def set_behaviour(request: web.Request) -> web.StreamResponse:
    """`{"address", "refuse"?, "undelivered"?}`, or a list of these."""
    body = await request.json()
    for given in body if isinstance(body, list) else [body]:
        behaviour = Behaviour(refuse=given.get("refuse"), undelivered=given.get("undelivered"))
        request.app[EXCHANGE].behaviours[given["address"]] = behaviour
    return web.json_response({"status": "accepted"})


async def stream_log(request: web.Request) -> web.StreamResponse:
    """The log's lines after number `after`, as JSON Lines."""
    after = int(request.query.get("after", "0"))
    response = web.StreamResponse(headers={"content-type": "application/jsonl; charset=utf-8"})
    await response.prepare(request)
    for line in request.app[EXCHANGE].journal.lines(max(after, 0)):
        await response.write(line)
    await response.write_eof()
    return response


def decode_log(body: bytes) -> list[dict[str, Any]]:
    """The entries of a log, from a file or from `GET /control/log`."""
    return [json.loads(line) for line in body.splitlines()]
