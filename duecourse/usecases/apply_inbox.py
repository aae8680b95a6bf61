"""Apply what providers told us: open each stored call, read its receipts, move what they speak of."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from duecourse.domain.clock import Clock, Times
from duecourse.domain.envelope import thaw_request
from duecourse.domain.errors import ConfigError, StoreUnavailable
from duecourse.domain.event import Event
from duecourse.domain.receipt import InboxItem, Incoming
from duecourse.policy.intents import Lexicon
from duecourse.ports import Channel, Ledger
from duecourse.usecases.record_receipts import record_receipts
from duecourse.usecases.report_receipts import ReportReceipts


@dataclass(frozen=True, kw_only=True)
class ApplyInbox:
    """Call it after a hint and from the sweep: one call goes once over everything that waits.

    Several may run at once. A call that cannot be applied is tried again by the next run and set aside, with an
    event, after `most_tries`; it never holds up another.
    """

    ledger: Ledger
    clock: Clock
    channels: Mapping[str, Channel]
    """Provider accounts by name."""
    lexicon: Lexicon
    """By what words borrowers stop us."""
    actor: str = "worker:inbox"
    batch: int = 100
    most_tries: int = 5
    grace: timedelta = timedelta(seconds=60)
    """How long a receipt may wait for the message id of an attempt whose own answer is still on its way."""
    report: ReportReceipts | None = None
    stopping: Callable[[], bool] = lambda: False
    """True once the process is to end: what is open then waits for the next one."""

    async def __call__(self) -> Counter[str]:
        """How the calls ended: `applied`, `waiting`, `failed`."""
        done: Counter[str] = Counter()
        after = 0
        while not self.stopping() and (inbox_ids := await self._open_ids(after)):
            done += await self._batch(inbox_ids)
            after = inbox_ids[-1]
        return done

    async def _open_ids(self, after: int) -> list[int]:
        async with self.ledger.transaction() as tx:
            inbox_ids: list[int] = await tx.inbox.open_ids(after=after, limit=self.batch)
        return inbox_ids

    async def _batch(self, inbox_ids: Sequence[int]) -> Counter[str]:
        try:
            return await self._apply(inbox_ids)
        except StoreUnavailable:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever one call's content does, the others go on
            if len(inbox_ids) == 1:
                return await self._fail(inbox_ids[0], exc)
        # One of them spoils the batch: one by one shows which.
        done: Counter[str] = Counter()
        for inbox_id in inbox_ids:
            done += await self._batch([inbox_id])
        return done

    async def _apply(self, inbox_ids: Sequence[int]) -> Counter[str]:
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            items = await tx.inbox.claim(inbox_ids)
            incoming = [receipt for item in items for receipt in self._read(item, times)]
            recorded = await record_receipts(tx, incoming, self.lexicon, times=times, actor=self.actor)
            waiting = recorded.waiting
            finished = [item.inbox_id for item in items if item.inbox_id not in waiting]
            await tx.inbox.finish(finished, "applied", times=times)
        if self.report:
            await self.report(recorded.delivered, times.lease)
        return Counter(applied=len(finished), waiting=len(waiting))

    def _read(self, item: InboxItem, times: Times) -> Iterator[Incoming]:
        channel = self.channels.get(item.provider)
        if channel is None:
            raise ConfigError(file="config/providers", key=item.provider, problem="no such provider is configured")
        patient = times.lease - item.received_at < self.grace
        for receipt in channel.parse(thaw_request(item.raw)):
            yield Incoming(
                inbox_id=item.inbox_id,
                provider=item.provider,
                channel=channel.capability.channel,
                receipt=receipt,
                received_at=item.received_at,
                patient=patient,
            )

    async def _fail(self, inbox_id: int, exc: Exception) -> Counter[str]:
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            provider = await tx.inbox.fail(inbox_id, most=self.most_tries, times=times)
            if provider is not None:
                # The error's own words may quote the call.
                data = {"inbox_id": inbox_id, "provider": provider, "error": type(exc).__name__}
                await tx.events.append(times, self.actor, [Event(kind="inbox.set_aside", data=data)])
        return Counter(failed=1)
