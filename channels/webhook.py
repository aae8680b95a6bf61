"""Adapter that posts each message to the lender's own endpoint, signed, for a provider we have no adapter for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

from channels import dialect, signatures
from channels.base import capability_of, options_of, provider_file, read_secrets, read_url, send_each, wall_clock
from channels.http import HttpClient, Prepared
from channels.signatures import Signed
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Capability, Outbound, Outcome, Receipt, WebhookRequest
from duecourse.settings import Provider


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookOptions:
    """The `[options]` of a webhook provider's file."""

    url: str
    secrets: tuple[str, ...] = field(repr=False)
    """Sign what we send; several while one replaces another."""
    receipt_secrets: tuple[str, ...] = field(default=(), repr=False)
    """Verify what comes back; none: no receipts are taken."""


class Webhook:
    """One endpoint of the lender's."""

    def __init__(
        self,
        *,
        name: str,
        capability: Capability,
        options: WebhookOptions,
        http: HttpClient,
        now: Callable[[], float] = wall_clock,
    ) -> None:
        self.name = name
        self.capability = capability
        self._options = options
        self._http = http
        self._now = now

    async def open(self) -> None:
        await self._http.open()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        return await send_each(batch, self._send_one)

    async def _send_one(self, message: Outbound) -> Outcome:
        named = {"type": "message", "channel": self.capability.channel.value, "locale": message.locale}
        content = orjson.dumps(named | dialect.message_json(message))
        request = self._signed("POST", self._options.url, webhook_id=message.idempotency_key, content=content)
        return dialect.read_single(await self._http.call(request, deadline=message.deadline))

    async def look_up(self, message: Outbound) -> Outcome | None:
        url = f"{self._options.url}?reference={quote(message.reference, safe='')}"
        request = self._signed("GET", url, webhook_id=message.reference)
        return dialect.read_lookup(await self._http.call(request, deadline=message.deadline))

    def _signed(self, method: str, url: str, *, webhook_id: str, content: bytes = b"") -> Prepared:
        """The id is the same in each call that must count as one, as the specification asks."""
        signed = Signed(webhook_id=webhook_id, timestamp=int(self._now()), body=content)
        headers = {
            "content-type": "application/json",
            "idempotency-key": webhook_id,
            **signatures.signed_headers(self._options.secrets, signed),
        }
        return self._http.prepare(method, url, headers=headers, content=content)

    def verify(self, request: WebhookRequest) -> bool:
        secrets = self._options.receipt_secrets
        return signatures.verify(request.headers, request.body, secrets=secrets, now=self._now())

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        return dialect.read_events(request.body)


def build(provider: Provider, *, now: Callable[[], float] = wall_clock) -> Webhook:
    """Raises ConfigError for a missing, wrong or unknown option."""
    table = options_of(provider)
    plain = table.flag("allow_http", default=False)
    options = WebhookOptions(
        url=read_url(table, "url", plain=plain),
        secrets=read_secrets(table, "secret"),
        receipt_secrets=read_secrets(table, "receipt_secret", ""),
    )
    table.finish()
    if provider.max_batch != 1:
        raise ConfigError(file=provider_file(provider), key="max_batch", problem="must be 1: one message per call")
    receipts = bool(options.receipt_secrets)
    capability = capability_of(provider, receipts=receipts, replies=receipts)
    http = HttpClient(timeout_s=provider.timeout_s)
    return Webhook(name=provider.name, capability=capability, options=options, http=http, now=now)
