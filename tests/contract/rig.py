"""What the conformance suite needs of an adapter: a provider that says what it is told to, and a signed webhook.

A file `rig_*.py` in this folder with a tuple `RIGS` adds its adapters to the suite.
"""

import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from duecourse.domain.address import DebtorAddress
from duecourse.domain.message import Outbound, Rendered, WebhookRequest
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.ports import Channel
from duecourse.settings import Provider
from tests.contract.wire import Line, Request, serving

CANARY_TO = "+12025550199"
CANARY_TEXT = "canary text for Ms Canary"
_numbers = itertools.count(1)


class Say(StrEnum):
    """What the provider says to a call as a whole. A rig lists those it can."""

    ACCEPT = "accept"
    """And refuses the messages to the rig's bad address."""
    DUPLICATE = "duplicate"
    OPTED_OUT = "opted_out"
    REFUSE_CONTENT = "refuse_content"
    UNAUTHORISED = "unauthorised"
    THROTTLE = "throttle"
    """With `Retry-After: 7`."""
    UNAVAILABLE = "unavailable"
    """Documented as not processed."""
    SERVER_ERROR = "server_error"
    OK_WITH_ERROR = "ok_with_error"
    """A success by status, a refusal of the text by content."""
    GARBAGE = "garbage"
    """A success by status, and nothing that can be read."""
    HANG_UP = "hang_up"
    SILENCE = "silence"


class Bench(Protocol):
    """An adapter's channel, opened, and its provider."""

    @property
    def channel(self) -> Channel: ...

    @property
    def arrived(self) -> int:
        """How many calls reached the provider."""
        ...


class Rig(Protocol):
    name: str
    says: frozenset[Say]
    secrets: tuple[str, ...]
    """Must show nowhere."""
    address: str
    bad_address: str

    def bench(self, say: Say = Say.ACCEPT, *, timeout_s: float = 5.0) -> AbstractAsyncContextManager[Bench]:
        """A provider that says the same to every call."""
        ...

    def unreachable(self, port: int) -> Channel:
        """A channel whose provider is to be looked for at a closed port."""
        ...

    def webhook(self) -> WebhookRequest | None:
        """A signed call with one delivered receipt and something that makes no sense; None: there are none."""
        ...


@dataclass
class HttpBench:
    channel: Channel
    requests: list[Request]

    @property
    def arrived(self) -> int:
        return len(self.requests)


Reply = tuple[int, Mapping[str, str], bytes]


@dataclass(kw_only=True)
class HttpRig:
    """A rig for an adapter that speaks HTTP: `build` makes its channel for a base URL, `reply` is its provider."""

    name: str
    build: Callable[[str, float], Channel]
    """Takes base URL and timeout."""
    reply: Callable[[Say, Request], Reply]
    sign: Callable[[], WebhookRequest | None]
    secrets: tuple[str, ...]
    says: frozenset[Say] = frozenset(Say)
    address: str = CANARY_TO
    bad_address: str = "+12025550100"

    @asynccontextmanager
    async def bench(self, say: Say = Say.ACCEPT, *, timeout_s: float = 5.0) -> AsyncIterator[HttpBench]:
        async def behave(line: Line) -> None:
            while True:
                request = await line.request()
                if say is Say.HANG_UP:
                    return
                if say is Say.SILENCE:
                    await line.hung_up()
                    return
                status, headers, body = self.reply(say, request)
                line.answer(status, body, dict(headers))

        async with serving(behave) as wire:
            channel = self.build(wire.url, timeout_s)
            await channel.open()
            try:
                yield HttpBench(channel=channel, requests=wire.requests)
            finally:
                await channel.aclose()

    def unreachable(self, port: int) -> Channel:
        return self.build(f"http://127.0.0.1:{port}", 5.0)

    def webhook(self) -> WebhookRequest | None:
        return self.sign()


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A provider's file, but for its options."""

    max_batch: int = 1
    resolution: Resolution = Resolution.LOOKUP
    channel: ChannelKind = ChannelKind.SMS
    options: dict[str, Any] = field(default_factory=dict)


def provider(name: str, adapter: str, timeout_s: float, terms: Terms) -> Provider:
    return Provider(
        name=name,
        adapter=adapter,
        channel=terms.channel,
        enabled=True,
        rate_per_s=100.0,
        burst=100,
        max_batch=terms.max_batch,
        resolution=terms.resolution,
        settle_s=3.0,
        window_s=86_400.0,
        horizon_s=86_400.0,
        timeout_s=timeout_s,
        options=terms.options,
    )


def outbound(to: str, **changed: Any) -> Outbound:
    """The first attempt of one contact, for tests that look for what they sent."""
    plain = Outbound(
        contact_id=7,
        attempt=1,
        reference="c7-1",
        idempotency_key="k7",
        to=DebtorAddress(to),
        body=Rendered(text=CANARY_TEXT),
        locale="en",
        deadline=time.monotonic() + 60.0,
    )
    return replace(plain, **changed)


def message(to: str = CANARY_TO, *, seconds: float = 60.0) -> Outbound:
    """A new message each time: no two share a reference or a key."""
    number = next(_numbers)
    return outbound(
        to,
        contact_id=number,
        reference=f"ref-{number}",
        idempotency_key=f"key-{number}",
        body=Rendered(text=CANARY_TEXT, subject="canary subject", html="<p>canary html</p>"),
        deadline=time.monotonic() + seconds,
    )
