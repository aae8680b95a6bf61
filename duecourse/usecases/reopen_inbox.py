"""Stored webhooks that could not be applied: which they are, and another chance once the cause is gone."""

from collections.abc import Sequence

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.domain.receipt import SetAside
from duecourse.ports import Ledger


async def list_set_aside(*, provider: str | None, limit: int, ledger: Ledger) -> list[SetAside]:
    """Those that were tried in vain, oldest first; of one provider account or of all."""
    async with ledger.transaction() as tx:
        found: list[SetAside] = await tx.inbox.set_aside(provider=provider, limit=limit)
    return found


async def reopen_inbox(inbox_ids: Sequence[int], *, ledger: Ledger, clock: Clock, actor: str) -> list[int]:
    """Have these read again, as if they had come now; what was applied of them before is not applied twice.

    Returns:
        their ids. Where one of them is not set aside, none is reopened.

    Raises:
        InputError: names those that are not set aside.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        reopened = await tx.inbox.reopen(inbox_ids)
        wrong = sorted(set(inbox_ids) - set(reopened))
        if wrong:
            raise InputError(f"not set aside: {', '.join(map(str, wrong))}")
        events = [Event(kind="inbox.reopened", data={"inbox_id": inbox_id}) for inbox_id in reopened]
        await tx.events.append(times, actor, events)
    return reopened
