"""The adapters that speak our own dialect, and the fake: their rigs."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from channels import sandbox, webhook
from channels.base import wall_clock
from channels.fake import FAKE_SECRET, FakeChannel
from channels.signatures import Signed, signed_headers
from duecourse.domain.message import Capability, Outbound, Outcome, WebhookRequest
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, Resolution
from duecourse.ports import Channel
from tests.contract.rig import CANARY_TO, HttpRig, Reply, Rig, Say, Terms, provider
from tests.contract.wire import Request

API_KEY = "canary-api-key"
SECRET = "canary-webhook-secret"
BAD = "+12025550100"

_REFUSALS = {
    Say.OPTED_OUT: (422, "opted_out"),
    Say.REFUSE_CONTENT: (422, "content_refused"),
    Say.UNAUTHORISED: (401, "unauthorised"),
    Say.THROTTLE: (429, "rate_limited"),
    Say.UNAVAILABLE: (503, "unavailable"),
    Say.SERVER_ERROR: (500, "internal"),
    Say.OK_WITH_ERROR: (200, "content_refused"),
}


def dialect_reply(say: Say, request: Request) -> Reply:
    """A provider that speaks the sandbox's dialect and remembers nothing."""
    if say is Say.GARBAGE:
        return 200, {}, b"<html>Welcome to the canary hotel</html>"
    if request.method == "GET":
        return _look_up(request)
    given = json.loads(request.body)
    batch = given.get("messages")
    if say in _REFUSALS and (batch is None or say is not Say.OK_WITH_ERROR):
        status, code = _REFUSALS[say]
        return status, {"retry-after": "7"}, _error(code)
    if batch is None:
        item = _item(say, given)
        return (422 if "error" in item else 201), {}, json.dumps(item).encode()
    return 200, {}, json.dumps({"results": [_item(say, one) for one in batch]}).encode()


def _item(say: Say, given: dict[str, Any]) -> dict[str, Any]:
    if given["to"] == BAD:
        return {"error": {"code": "invalid_address"}}
    if say is Say.OK_WITH_ERROR:
        return {"error": {"code": "content_refused"}}
    return {"id": f"id-of-{given['reference']}", "status": "duplicate" if say is Say.DUPLICATE else "accepted"}


def _look_up(request: Request) -> Reply:
    reference = request.target.partition("?reference=")[2]
    if reference.startswith("lost"):
        return 404, {}, _error("unknown_reference")
    return 200, {}, json.dumps({"id": f"id-of-{reference}", "status": "accepted"}).encode()


def _error(code: str) -> bytes:
    return json.dumps({"error": {"code": code}}).encode()


def dialect_webhook(secret: str) -> WebhookRequest:
    events: list[Any] = [
        {"event_id": "e1", "type": "delivered", "message_id": "m1", "reference": "ref-1", "at": "2026-03-01T09:00:00Z"},
        {"event_id": "e2", "type": "evaporated"},
        {"type": "delivered"},
        "nonsense",
    ]
    body = json.dumps({"events": events}).encode()
    headers = signed_headers([secret], Signed(webhook_id="w1", timestamp=int(wall_clock()), body=body))
    return WebhookRequest(url="https://lender.example/webhooks/it", headers=headers, body=body)


def _sandbox(max_batch: int) -> HttpRig:
    def build(url: str, timeout_s: float) -> Channel:
        options = {"base_url": url, "account": "sms", "api_key": API_KEY, "webhook_secret": SECRET}
        terms = Terms(max_batch=max_batch, options=options)
        return sandbox.build(provider("sandbox-sms", "sandbox", timeout_s, terms))

    return HttpRig(
        name=f"sandbox-{max_batch}",
        build=build,
        reply=dialect_reply,
        sign=lambda: dialect_webhook(SECRET),
        secrets=(API_KEY, SECRET),
    )


def _build_webhook(url: str, timeout_s: float) -> Channel:
    options = {"url": f"{url}/messages", "secret": API_KEY, "receipt_secret": f"older {SECRET}"}
    return webhook.build(provider("webhook", "webhook", timeout_s, Terms(options=options)))


@dataclass
class FakeBench:
    channel: FakeChannel

    @property
    def arrived(self) -> int:
        return len(self.channel.sent)


class FakeRig:
    """The fake has no wire: it is told its outcomes."""

    name = "fake"
    says = frozenset({Say.ACCEPT, Say.DUPLICATE, Say.OPTED_OUT, Say.REFUSE_CONTENT, Say.THROTTLE})
    secrets: tuple[str, ...] = (FAKE_SECRET,)
    address = CANARY_TO
    bad_address = BAD

    _TOLD: ClassVar = {
        Say.DUPLICATE: Outcome(kind=OutcomeClass.DUPLICATE, provider_message_id="d"),
        Say.OPTED_OUT: Outcome(kind=OutcomeClass.REJECTED, code="opted_out", opted_out=True),
        Say.REFUSE_CONTENT: Outcome(kind=OutcomeClass.REJECTED, code="content_refused"),
        Say.THROTTLE: Outcome(kind=OutcomeClass.THROTTLED, retry_after_s=7.0),
    }

    @asynccontextmanager
    async def bench(self, say: Say = Say.ACCEPT, *, timeout_s: float = 5.0) -> AsyncIterator[FakeBench]:  # noqa: ARG002
        def answer(given: Outbound) -> Outcome | None:
            if given.to == BAD:
                return Outcome(kind=OutcomeClass.REJECTED, code="invalid_address", address_invalid=True)
            return self._TOLD.get(say)

        capability = Capability(channel=ChannelKind.SMS, max_batch=100, resolution=Resolution.LOOKUP)
        channel = FakeChannel(answer=answer, capability=capability)
        await channel.open()
        yield FakeBench(channel=channel)
        await channel.aclose()

    def unreachable(self, port: int) -> Channel:
        return FakeChannel(answer=lambda _: Outcome(kind=OutcomeClass.TRANSIENT, code=f"{port}"))

    def webhook(self) -> WebhookRequest:
        return dialect_webhook(FAKE_SECRET)


RIGS: tuple[Rig, ...] = (
    FakeRig(),
    _sandbox(1),
    _sandbox(100),
    _sandbox(2),
    HttpRig(
        name="webhook",
        build=_build_webhook,
        reply=dialect_reply,
        sign=lambda: dialect_webhook(SECRET),
        secrets=(API_KEY, SECRET),
    ),
)
