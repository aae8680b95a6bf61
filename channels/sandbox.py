"""Adapter for the sandbox provider (`duecourse sandbox`), which stands in for any provider on any channel."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from channels import dialect, signatures
from channels.base import capability_of, options_of, read_secrets, read_url, send_each, wall_clock
from channels.http import HttpClient, Prepared
from duecourse.domain.message import Capability, Outbound, Outcome, Receipt, WebhookRequest
from duecourse.settings import Provider


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxOptions:
    """The `[options]` of a sandbox account's file."""

    base_url: str
    account: str
    api_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)

    @property
    def messages_url(self) -> str:
        return f"{self.base_url}/v1/{quote(self.account, safe='')}/messages"


class Sandbox:
    """One account with the sandbox provider."""

    def __init__(
        self,
        *,
        name: str,
        capability: Capability,
        options: SandboxOptions,
        http: HttpClient,
        now: Callable[[], float] = wall_clock,
    ) -> None:
        self.name = name
        self.capability = capability
        self._options = options
        self._http = http
        self._now = now
        self._url = options.messages_url

    async def open(self) -> None:
        await self._http.open()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        """By the batch endpoint where the account takes more than one message per call."""
        size = self.capability.max_batch
        if size == 1:
            return await send_each(batch, self._send_one)
        chunks = [batch[start : start + size] for start in range(0, len(batch), size)]
        answers = await asyncio.gather(*map(self._send_chunk, chunks))
        return [outcome for outcomes in answers for outcome in outcomes]

    async def _send_one(self, message: Outbound) -> Outcome:
        headers = {"idempotency-key": message.idempotency_key}
        request = self._post(self._url, dialect.message_json(message), headers)
        return dialect.read_single(await self._http.call(request, deadline=message.deadline))

    async def _send_chunk(self, chunk: Sequence[Outbound]) -> list[Outcome]:
        items = [dialect.message_json(message) | {"idempotency_key": message.idempotency_key} for message in chunk]
        request = self._post(f"{self._url}/batch", {"messages": items}, {})
        deadline = min(message.deadline for message in chunk)
        return dialect.read_batch(await self._http.call(request, deadline=deadline), len(chunk))

    def _post(self, url: str, content: dict[str, Any], headers: Mapping[str, str]) -> Prepared:
        return self._http.prepare("POST", url, headers=headers, content=orjson.dumps(content))

    async def look_up(self, message: Outbound) -> Outcome | None:
        url = f"{self._url}?reference={quote(message.reference, safe='')}"
        request = self._http.prepare("GET", url, headers={})
        return dialect.read_lookup(await self._http.call(request, deadline=message.deadline))

    def verify(self, request: WebhookRequest) -> bool:
        secrets = self._options.webhook_secrets
        return signatures.verify(request.headers, request.body, secrets=secrets, now=self._now())

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        return dialect.read_events(request.body)


def build(provider: Provider, *, now: Callable[[], float] = wall_clock) -> Sandbox:
    """Raises ConfigError for a missing, wrong or unknown option."""
    table = options_of(provider)
    options = SandboxOptions(
        # The sandbox is a neighbour, often a container by name: plain http is right.
        base_url=read_url(table, "base_url", plain=True),
        account=table.text("account"),
        api_key=table.text("api_key"),
        webhook_secrets=read_secrets(table, "webhook_secret"),
    )
    table.finish()
    capability = capability_of(provider, receipts=True, replies=True)
    headers = {"authorization": f"Bearer {options.api_key}", "content-type": "application/json"}
    http = HttpClient(timeout_s=provider.timeout_s, headers=headers)
    return Sandbox(name=provider.name, capability=capability, options=options, http=http, now=now)
