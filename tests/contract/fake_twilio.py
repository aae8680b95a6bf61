"""A loopback Twilio: takes and lists messages as the real one does. Guarded by driving the official SDK against it."""

import base64
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

ACCOUNT = "AC" + "0a" * 16
TOKEN = "canary-auth-token"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@dataclass
class Seen:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    form: list[tuple[str, str]]


@dataclass
class FakeTwilio:
    """`answer` scripts the next answers: (status, body, headers), or None to close the connection unanswered."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, Any, dict[str, str]] | None] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def sent(self, *, to: str, body: str, sender: str = "+15005550006", **more: Any) -> dict[str, Any]:
        """A message on Twilio's side, newest first."""
        message = self._resource(to=to, body=body, sender=sender) | more
        self.messages.insert(0, message)
        return message

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = (await request.read()).decode()
        form = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = list(request.query.items())
        self.seen.append(Seen(method=request.method, path=request.path, query=query, headers=headers, form=form))
        if self.answers:
            return self._scripted(request, self.answers.pop(0))
        if headers.get("authorization") != "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode():
            return _error(401, 20003, "Authenticate")
        if request.path != PATH:
            return _error(404, 20404, "The requested resource was not found")
        return self._list(dict(query)) if request.method == "GET" else self._create(dict(form))

    def _scripted(self, request: web.Request, answer: tuple[int, Any, dict[str, str]] | None) -> web.StreamResponse:
        if answer is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, body, headers = answer
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers, content_type="application/json")

    def _create(self, form: dict[str, str]) -> web.Response:
        if "To" not in form:
            return _error(400, 21604, "A 'To' phone number is required.")
        if ("From" in form) == ("MessagingServiceSid" in form):
            return _error(400, 21603, "A 'From' phone number is required.")
        if not form.get("Body"):
            return _error(400, 21602, "Message body is required.")
        sender = form.get("From", "")
        message = self.sent(to=form["To"], body=form["Body"], sender=sender)
        message["messaging_service_sid"] = form.get("MessagingServiceSid")
        return web.json_response(message, status=201)

    def _list(self, query: dict[str, str]) -> web.Response:
        found = [m for m in self.messages if m["to"] == query.get("To", m["to"])]
        found = [m for m in found if m["from"] == query.get("From", m["from"])]
        size = int(query.get("PageSize", 50))
        following = f"{PATH}?Page=1&PageSize={size}" if len(found) > size else None
        page = {"page": 0, "page_size": size, "uri": PATH, "first_page_uri": PATH, "previous_page_uri": None}
        return web.json_response(page | {"next_page_uri": following, "messages": found[:size], "start": 0, "end": 0})

    def _resource(self, *, to: str, body: str, sender: str) -> dict[str, Any]:
        sid = f"SM{next(self._numbers):032x}"
        now = format_datetime(datetime.now(UTC))
        return {
            "account_sid": ACCOUNT,
            "api_version": "2010-04-01",
            "body": body,
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "queued",
            "subresource_uris": {"media": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media.json"},
            "to": to,
            "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json",
        }


def _error(status: int, code: int, message: str) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return web.json_response({"code": code, "message": message, "more_info": more, "status": status}, status=status)
