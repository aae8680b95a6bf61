"""Deliver a batch of contacts on one channel: tokens, arm, send, settle. The only code that calls a provider.

A lost, doubled, reordered or stale batch is harmless: the claim takes only what is still to be sent.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from duecourse.domain.clock import Clock, Monotonic
from duecourse.domain.contact import AttemptKind
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.letter import Letter
from duecourse.domain.message import Outbound, Outcome
from duecourse.domain.vocabulary import OutcomeClass, Urgency
from duecourse.ports import Answered, Armed, Channel, Ledger, Limiter
from duecourse.usecases.arm import Arm, ArmingUnsure
from duecourse.usecases.settle import Settle, lost, not_started
from duecourse.usecases.waiting_room import WaitingRoom

Pause = Callable[[float], Awaitable[None]]
"""Wait this many seconds."""

#: How long all workers leave a provider alone whose account, sender or template is wrong.
_MISCONFIGURED_PAUSE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Deliver:
    ledger: Ledger
    clock: Clock
    limiter: Limiter
    channel: Channel
    """The account that new messages leave through."""
    arm: Arm
    settle: Settle
    micro_batch: int
    budget_s: float
    deadline_s: float
    monotonic: Monotonic
    pause: Pause = asyncio.sleep
    stopping: Callable[[], bool] = lambda: False
    """True once the process is to end: what is in flight then ends, and nothing more is begun."""
    waiting_room: WaitingRoom = field(default_factory=WaitingRoom)
    unsettled: list[Answered] = field(default_factory=list)
    """What could not be recorded while Postgres was away: recorded before anything else is sent."""

    async def __call__(self, contact_ids: Sequence[int], urgency: Urgency = Urgency.NORMAL) -> Counter[str]:
        """How the calls ended, by outcome class. What could not be started in time goes back to planned."""
        await self.catch_up()
        until = self.monotonic() + self.budget_s
        done: Counter[str] = Counter()
        waiting = {urgency: list(contact_ids)}
        while any(waiting.values()) and self.monotonic() < until and not self.stopping():
            answered, wait_s = await self._round(waiting)
            done += answered
            if wait_s is None:
                continue
            if self.monotonic() + wait_s >= until:
                break
            if not await self.waiting_room.wait(waiting, partial(self.pause, wait_s)):
                return done
        await self._give_back([contact_id for ids in waiting.values() for contact_id in ids])
        return done

    async def catch_up(self) -> None:
        """Record what could not be recorded before. Call it now and then: the next batch may be far away.

        Raises:
            StoreUnavailable: it still cannot be.
        """
        rest, self.unsettled[:] = list(self.unsettled), []
        await self._record(rest)
        if self.unsettled:
            raise StoreUnavailable("Postgres: outcomes wait to be recorded")

    async def _round(self, waiting: dict[Urgency, list[int]]) -> tuple[Counter[str], float | None]:
        """Deliver what the rate allows of the most urgent that it allows. Seconds to wait where that was nothing."""
        waits: list[float] = []
        for urgency in sorted(urgency for urgency, ids in waiting.items() if ids):
            want = min(self.micro_batch, len(waiting[urgency]))
            grant = await self.limiter.take(self.channel.name, want, priority=urgency)
            if grant.granted:
                some, waiting[urgency] = waiting[urgency][: grant.granted], waiting[urgency][grant.granted :]
                return await self._micro_batch(some), None
            waits.append(grant.wait_s)
        return Counter(), min(waits)

    async def _micro_batch(self, contact_ids: Sequence[int]) -> Counter[str]:
        deadline = self.monotonic() + self.deadline_s
        armed = await self._arm(contact_ids)
        if len(armed) < len(contact_ids):
            await self.limiter.give_back(self.channel.name, len(contact_ids) - len(armed))
        answered = await self._answers(armed, deadline)
        await self._heed([a.outcome for a in answered if a.outcome])
        return Counter(a.outcome.kind.value for a in answered if a.outcome)

    async def _arm(self, contact_ids: Sequence[int]) -> list[Armed]:
        try:
            return await self.arm(contact_ids, self.channel)
        except ArmingUnsure as exc:
            # Should the claim stand after all, its fence says so, and what it holds goes back to planned.
            self.unsettled.extend(not_started(exc.armed))
            raise

    async def _answers(self, armed: Sequence[Armed], deadline: float) -> list[Answered]:
        """Call, and record what came of it whatever happens to this job meanwhile."""
        try:
            answered = await self._call(armed, deadline)
        except asyncio.CancelledError:
            await asyncio.shield(self._record(lost(armed, "cancelled")))
            raise
        except Exception:  # noqa: BLE001 - an adapter that raises has told us nothing: perhaps sent
            answered = lost(armed, "adapter-error")
        await asyncio.shield(self._record(answered))
        return answered

    async def _call(self, armed: Sequence[Armed], deadline: float) -> list[Answered]:
        sends = [a for a in armed if a.kind is AttemptKind.SEND]
        answered = await self._send(self.channel, sends, deadline)
        for one in armed:
            channel = self.arm.channels.get(one.provider)
            if one.kind is AttemptKind.RECALL and channel:
                answered += await self._send(channel, [one], deadline)
            elif one.kind is AttemptKind.LOOKUP and channel:
                answered.append(Answered(one, await channel.look_up(_outbound(one, deadline))))
        return answered

    async def _send(self, channel: Channel, armed: Sequence[Armed], deadline: float) -> list[Answered]:
        if not armed:
            return []
        outcomes = await channel.send([_outbound(a, deadline) for a in armed])
        return [Answered(a, outcome) for a, outcome in zip(armed, outcomes, strict=True)]

    async def _record(self, answered: Sequence[Answered]) -> None:
        try:
            await self.settle(answered, self.arm.channels)
        except StoreUnavailable:
            self.unsettled.extend(answered)

    async def _heed(self, outcomes: Sequence[Outcome]) -> None:
        """A provider that asks for silence gets it from every worker."""
        waits = [o.retry_after_s or 1.0 for o in outcomes if o.kind is OutcomeClass.THROTTLED]
        waits += [_MISCONFIGURED_PAUSE_S for o in outcomes if o.kind is OutcomeClass.MISCONFIGURED]
        if waits:
            await self.limiter.pause(self.channel.name, max(waits))

    async def _give_back(self, contact_ids: Sequence[int]) -> None:
        if not contact_ids:
            return
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            await tx.releases.give_back(contact_ids, times=times, actor=self.arm.actor)


def _outbound(armed: Armed, deadline: float) -> Outbound:
    letter, held = Letter.thaw(armed.letter), armed.contact.held
    return Outbound(
        contact_id=armed.contact.contact_id,
        attempt=armed.number,
        reference=armed.reference,
        idempotency_key=armed.idempotency_key,
        to=letter.to,
        body=letter.body,
        locale=letter.locale,
        deadline=deadline,
        armed_at=held.armed_at if held else None,
    )
