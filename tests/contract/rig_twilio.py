"""Twilio's rig: a provider that remembers what it took, so that a look-up finds it."""

import json
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from channels.sms import twilio, twilio_webhook
from duecourse.domain.clock import host_now
from duecourse.domain.message import WebhookRequest
from duecourse.ports import Channel
from tests.contract.rig import HttpRig, Reply, Rig, Say, Terms, provider
from tests.contract.wire import Request

ACCOUNT = "AC" + "0a" * 16
TOKEN = "canary-auth-token"
FROM = "+15005550006"
BAD = "+12025550100"

_SAID: dict[Say, Reply] = {
    say: (status, {"retry-after": "7"}, json.dumps({"code": code, "message": "m", "status": status}).encode())
    for say, status, code in (
        (Say.OPTED_OUT, 400, 21610),
        (Say.REFUSE_CONTENT, 400, 21617),
        (Say.UNAUTHORISED, 401, 20003),
        (Say.THROTTLE, 429, 20429),
        (Say.SERVER_ERROR, 500, 20500),
    )
}
_taken: list[dict[str, Any]] = []


def _build(url: str, timeout_s: float) -> Channel:
    _taken.clear()
    callback = "https://lender.example/webhooks/twilio"
    options = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": FROM, "status_callback": callback, "base_url": url}
    return twilio.build(provider("twilio", "twilio", timeout_s, Terms(options=options)))


def _reply(say: Say, request: Request) -> Reply:
    if say is Say.GARBAGE:
        return (200 if request.method == "GET" else 201), {}, b"<html>Welcome to the canary hotel</html>"
    if say in _SAID:
        return _SAID[say]
    if request.method == "GET":
        asked = parse_qs(urlsplit(request.target).query)
        found = [item for item in _taken if [item["to"]] == asked["To"] and [item["from"]] == asked["From"]]
        return 200, {}, json.dumps({"messages": found, "next_page_uri": None}).encode()
    form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
    if form["To"] == BAD:
        return 400, {}, json.dumps({"code": 21211, "message": "m", "status": 400}).encode()
    item = {
        "sid": f"SM{len(_taken):032x}",
        "status": "queued",
        "to": form["To"],
        "from": form["From"],
        "body": form["Body"],
        "direction": "outbound-api",
        "date_created": format_datetime(host_now()),
    }
    _taken.append(item)
    return 201, {}, json.dumps(item).encode()


def _webhook() -> WebhookRequest:
    url = "https://lender.example/webhooks/twilio?ref=ref-1"
    fields = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("Weather", "evaporated"), ("To", "+12025550199")]
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": twilio_webhook.sign(url, fields, TOKEN),
    }
    return WebhookRequest(url=url, headers=headers, body=urlencode(fields).encode())


RIGS: tuple[Rig, ...] = (
    HttpRig(
        name="twilio",
        build=_build,
        reply=_reply,
        sign=_webhook,
        secrets=(TOKEN,),
        says=frozenset({Say.ACCEPT, Say.GARBAGE, Say.HANG_UP, Say.SILENCE, *_SAID}),
        bad_address=BAD,
    ),
)
