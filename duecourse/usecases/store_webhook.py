"""Keep a verified call of a provider, durably, before it is answered."""

from dataclasses import dataclass

from duecourse.domain.clock import Clock
from duecourse.domain.envelope import delivery_key, freeze_request
from duecourse.domain.message import WebhookRequest
from duecourse.ports import Ledger


@dataclass(frozen=True, kw_only=True)
class StoreWebhook:
    ledger: Ledger
    clock: Clock

    async def __call__(self, provider: str, request: WebhookRequest) -> int | None:
        """The id of the stored call, committed; None where the same call was stored before.

        Raises:
            StoreUnavailable: nothing was stored; the provider must call again.
        """
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            inbox_id: int | None = await tx.inbox.store(
                provider, delivery_key(provider, request), freeze_request(request), times=times
            )
        return inbox_id
