"""Our adapter against the sandbox server itself: two sides written apart must agree on every word."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from channels import sandbox, webhook
from channels.signatures import verify
from duecourse.domain.message import Rendered, WebhookRequest
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, ReceiptKind, Resolution
from duecourse.ports import Channel
from duecourse.simulator.sandbox import Account, Faults, running_sandbox
from tests.contract.rig import Terms, message, provider
from tests.contract.wire import Line, Wire, behaved, serving

KEY, SECRET = "sandbox-key", "sandbox-secret"
O = OutcomeClass  # noqa: E741 - short for the tables below


def account(name: str = "sms", **more: Any) -> Account:
    defaults: dict[str, Any] = {"channel": ChannelKind.SMS, "api_key": KEY, "webhook_secret": SECRET, "dedupe": True}
    return Account(name=name, **{**defaults, "lookup": True, **more})


ACCOUNTS = (
    account(),
    account("busy", rate_per_s=0.01, burst=1),
    account("e503", faults=Faults(e503=1.0)),
    account("e500", faults=Faults(e500_after=1.0)),
    account("cut", faults=Faults(disconnect_after=1.0), dedupe=False),
    account("cut-before", faults=Faults(disconnect_before=1.0)),
    account("slow", faults=Faults(timeout_after_accept=1.0), hang_s=0.5),
    account("picky", faults=Faults(refused=1.0)),
    account("blind", lookup=False),
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_sandbox(ACCOUNTS) as url:
        yield url


@asynccontextmanager
async def channel_of(
    server: str, name: str = "sms", *, max_batch: int = 1, key: str = KEY, timeout_s: float = 5.0
) -> AsyncIterator[Channel]:
    options = {"base_url": server, "account": name, "api_key": key, "webhook_secret": SECRET}
    terms = Terms(max_batch=max_batch, resolution=Resolution.LOOKUP, options=options)
    channel = sandbox.build(provider("sandbox-sms", "sandbox", timeout_s, terms))
    await channel.open()
    try:
        yield channel
    finally:
        await channel.aclose()


@pytest.mark.parametrize("max_batch", [1, 3, 100])
async def test_messages_are_accepted_and_the_same_key_again_is_a_duplicate(server: str, max_batch: int) -> None:
    batch = [_unique(f"{max_batch}-{n}") for n in range(7)]
    async with channel_of(server, max_batch=max_batch) as channel:
        first, second = await channel.send(batch), await channel.send(batch)
    assert [outcome.kind for outcome in first] == [O.ACCEPTED] * 7
    assert [outcome.kind for outcome in second] == [O.DUPLICATE] * 7
    assert [one.provider_message_id for one in first] == [one.provider_message_id for one in second]


@pytest.mark.parametrize("max_batch", [1, 100])
async def test_a_bad_address_costs_its_own_message_only(server: str, max_batch: int) -> None:
    bad = replace(_unique(f"bad-{max_batch}"), to="nobody")
    async with channel_of(server, max_batch=max_batch) as channel:
        outcomes = await channel.send([_unique(f"a-{max_batch}"), bad, _unique(f"b-{max_batch}")])
    assert [outcome.kind for outcome in outcomes] == [O.ACCEPTED, O.REJECTED, O.ACCEPTED]
    assert [outcome.address_invalid for outcome in outcomes] == [False, True, False]


@pytest.mark.parametrize("max_batch", [1, 100])
@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("e503", O.TRANSIENT, "unavailable"),
        ("e500", O.UNKNOWN, "http_500"),
        ("cut", O.UNKNOWN, "disconnected"),
        ("cut-before", O.UNKNOWN, "disconnected"),
        ("slow", O.UNKNOWN, "read_timeout"),
        ("picky", O.REJECTED, "content_refused"),
        ("nobody", O.MISCONFIGURED, "unknown_account"),
    ],
)
async def test_each_fault_has_its_outcome(
    server: str, max_batch: int, name: str, kind: OutcomeClass, code: str
) -> None:
    async with channel_of(server, name, max_batch=max_batch, timeout_s=0.3) as channel:
        (outcome,) = await channel.send([_unique(f"{name}-{max_batch}")])
    assert (outcome.kind, outcome.code) == (kind, code)


async def test_a_wrong_key_is_ours_to_repair(server: str) -> None:
    async with channel_of(server, key="wrong") as channel:
        (outcome,) = await channel.send([_unique("wrong")])
    assert (outcome.kind, outcome.code) == (O.MISCONFIGURED, "unauthorised")


async def test_a_full_account_says_how_long_to_wait(server: str) -> None:
    async with channel_of(server, "busy") as channel:
        outcomes = await channel.send([_unique("busy-1"), _unique("busy-2")])
    assert sorted(outcome.kind for outcome in outcomes) == [O.ACCEPTED, O.THROTTLED]
    wait = next(outcome.retry_after_s for outcome in outcomes if outcome.kind is O.THROTTLED)
    assert wait is not None
    assert 1.0 < wait <= 100.0


async def test_a_look_up_tells_what_a_lost_answer_did_not(server: str) -> None:
    accepted, never = _unique("lost-answer"), _unique("never-arrived")
    async with channel_of(server, "cut") as channel:
        (outcome,) = await channel.send([accepted])
        assert outcome.kind is O.UNKNOWN
        found = await channel.look_up(accepted)
        assert found is not None
        assert found.kind is O.ACCEPTED
        assert found.provider_message_id
        assert await channel.look_up(never) is None


async def test_an_account_without_look_ups_never_says_that_nothing_arrived(server: str) -> None:
    async with channel_of(server, "blind") as channel:
        answer = await channel.look_up(_unique("blind"))
    assert answer is not None
    assert (answer.kind, answer.code) == (O.TRANSIENT, "no_lookup")


async def test_the_sandboxes_receipts_are_verified_and_understood() -> None:
    arrived: asyncio.Queue[WebhookRequest] = asyncio.Queue()

    async def inbox(line: Line) -> None:
        while True:
            request = await line.request()
            line.answer(200)
            await arrived.put(WebhookRequest(url="https://x", headers=request.headers, body=request.body))

    async with serving(inbox) as wire:
        with running_sandbox([account(webhook_url=f"{wire.url}/webhooks/sandbox-sms")]) as server:
            async with channel_of(server) as channel, asyncio.timeout(10):
                sent = _unique("receipt")
                (outcome,) = await channel.send([sent])
                request = await arrived.get()
                assert channel.verify(request)
                (receipt,) = channel.parse(request)
    assert (receipt.kind, receipt.reference) == (ReceiptKind.DELIVERED, sent.reference)
    assert receipt.provider_message_id == outcome.provider_message_id
    assert receipt.at is not None
    assert not channel.verify(replace(request, body=request.body + b" "))


def _unique(word: str) -> Any:
    return replace(message("+12025550123"), reference=f"ref-{word}", idempotency_key=f"key-{word}")


@asynccontextmanager
async def _webhook(wire: Wire, clock: list[float]) -> AsyncIterator[Channel]:
    options = {"url": f"{wire.url}/outreach", "secret": "new old", "receipt_secret": "r"}
    built = webhook.build(provider("acme", "webhook", 5.0, Terms(options=options)), now=lambda: clock[0])
    await built.open()
    try:
        yield built
    finally:
        await built.aclose()


async def test_a_webhooks_call_is_signed_by_each_secret_and_carries_the_key() -> None:
    sent = replace(message(), body=Rendered(text="t", subject="s"))
    accept = behaved(201, b'{"id": "m1", "status": "accepted"}')
    async with serving(accept) as wire, _webhook(wire, [1_000.0]) as channel:
        (outcome,) = await channel.send([sent])
    (request,) = wire.requests
    assert (outcome.kind, outcome.provider_message_id) == (O.ACCEPTED, "m1")
    assert request.headers["idempotency-key"] == request.headers["webhook-id"] == sent.idempotency_key
    for secret in ("new", "old"):
        assert verify(request.headers, request.body, secrets=(secret,), now=1_000.0)
    assert json.loads(request.body) == {
        "type": "message",
        "channel": "sms",
        "locale": "en",
        "reference": sent.reference,
        "to": sent.to,
        "text": "t",
        "subject": "s",
    }


async def test_a_webhook_called_again_with_the_same_message_repeats_id_and_body_but_signs_anew() -> None:
    sent, clock = message(), [1_000.0]
    async with serving(behaved(200, b'{"id": "m1", "status": "duplicate"}')) as wire, _webhook(wire, clock) as channel:
        await channel.send([sent])
        clock[0] = 2_000.0
        await channel.send([replace(sent, attempt=2)])
    first, second = wire.requests
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert second.headers["webhook-timestamp"] == "2000"
    assert verify(second.headers, second.body, secrets=("new",), now=2_000.0)
