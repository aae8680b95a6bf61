"""Deliver a batch of contacts on one channel: choose, tokens, arm, send, settle. The only code that calls a provider.

A lost, doubled, reordered or stale batch is harmless: the claim takes only what is still to be sent.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from math import inf

from duecourse.domain.clock import Clock, Monotonic
from duecourse.domain.contact import AttemptKind
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.letter import Letter
from duecourse.domain.message import Outbound, Outcome
from duecourse.domain.vocabulary import OutcomeClass, Urgency
from duecourse.ports import Answered, Armed, Channel, Grant, Ledger, Limiter, Way
from duecourse.routing.concurrency import Sample
from duecourse.usecases.accounts import Account, Accounts
from duecourse.usecases.arm import Arm, ArmingUnsure
from duecourse.usecases.choose_providers import ChooseProviders
from duecourse.usecases.settle import Settle, lost, not_started
from duecourse.usecases.trial import Trial

Pause = Callable[[float], Awaitable[None]]
"""Wait this many seconds."""

#: How soon a job looks again whether calls that are under way have ended.
_CROWDED_S = 0.05
#: How long all workers leave a provider alone whose account, sender or template is wrong.
_MISCONFIGURED_PAUSE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Deliver:
    ledger: Ledger
    clock: Clock
    limiter: Limiter
    channel: Channel
    """The account that new messages leave through, where nobody chooses."""
    arm: Arm
    settle: Settle
    micro_batch: int
    budget_s: float
    deadline_s: float
    monotonic: Monotonic
    pause: Pause = asyncio.sleep
    stopping: Callable[[], bool] = lambda: False
    """True once the process is to end: what is in flight then ends, and nothing more is begun."""
    trial: Trial | None = None
    """Where others can tell that this process died."""
    choose: ChooseProviders | None = None
    """Where several accounts share the channel."""
    accounts: Accounts = field(default_factory=Accounts)
    unsettled: list[Answered] = field(default_factory=list)
    """What could not be recorded while Postgres was away: recorded before anything else is sent."""
    refused: list[Answered] = field(default_factory=list)
    """What Postgres was there for and could not be recorded: tried again, and nobody waits for it."""

    async def __call__(self, contact_ids: Sequence[int], urgency: Urgency = Urgency.NORMAL) -> Counter[str]:
        """How the calls ended, by outcome class. What could not be started in time goes back to planned."""
        await self.catch_up()
        if self.choose is None:
            return await self._through(self.accounts.of(self.channel), contact_ids, urgency)
        chosen = await self.choose(contact_ids, self._behind)
        # At once: a provider that hangs must not hold up the others' contacts.
        ended = await asyncio.gather(
            *(self._through(self._account(name, ways), list(ways), urgency) for name, ways in chosen.items()),
            return_exceptions=True,
        )
        done: Counter[str] = Counter()
        for one in ended:
            if isinstance(one, BaseException):
                raise one
            done += one
        return done

    async def catch_up(self) -> None:
        """Record what could not be recorded before. Call it now and then: the next batch may be far away.

        Raises:
            StoreUnavailable: it still cannot be.
        """
        rest, self.unsettled[:] = list(self.unsettled), []
        await self._record(rest)
        again, self.refused[:] = list(self.refused), []
        await self._record_each(again)
        # What is refused a second time may be the provider's answer. That it was perhaps sent, anybody can write down.
        doubtful, self.refused[:] = list(self.refused), []
        await self._record_each(lost([one.armed for one in doubtful], "unrecordable"))
        if self.unsettled:
            raise StoreUnavailable("Postgres: outcomes wait to be recorded")

    def _behind(self, name: str) -> bool:
        channel = self.arm.channels[name]
        patience_s = self.choose.route.spill_s if self.choose else inf
        return self.accounts.of(channel).behind(patience_s, self.monotonic())

    def _account(self, name: str, ways: Mapping[int, Way]) -> Account:
        """The account of that name; one that is switched off leaves what only it could resolve to the default one."""
        account = self.accounts.of(self.arm.channels.get(name, self.channel))
        account.ways.update(ways)
        return account

    async def _through(self, account: Account, contact_ids: Sequence[int], urgency: Urgency) -> Counter[str]:
        until = self.monotonic() + self.budget_s
        done: Counter[str] = Counter()
        waiting = {urgency: list(contact_ids)}
        while any(waiting.values()) and self.monotonic() < until and not self.stopping():
            answered, wait_s = await self._round(account, waiting)
            done += answered
            if wait_s is None:
                continue
            if self.monotonic() + wait_s >= until:
                break
            if not await account.waiting_room.wait(waiting, partial(self.pause, wait_s)):
                return done
        await self._give_back(account, [contact_id for ids in waiting.values() for contact_id in ids])
        return done

    async def _round(self, account: Account, waiting: dict[Urgency, list[int]]) -> tuple[Counter[str], float | None]:
        """Deliver what the rate allows of the most urgent that it allows. Seconds to wait where that was nothing."""
        waits: list[float] = []
        for urgency in sorted(urgency for urgency, ids in waiting.items() if ids):
            want = min(self.micro_batch, len(waiting[urgency]))
            grant = await self._take(account, want, urgency)
            if grant.granted:
                some, waiting[urgency] = waiting[urgency][: grant.granted], waiting[urgency][grant.granted :]
                return await self._micro_batch(account, some), None
            waits.append(grant.wait_s)
        return Counter(), min(waits)

    async def _take(self, account: Account, want: int, urgency: Urgency) -> Grant:
        room = min(want, account.room)
        grant = Grant(granted=0, wait_s=_CROWDED_S)
        if room:
            grant = await self.limiter.take(account.name, room, priority=urgency)
        account.heard(want, grant, self.monotonic())
        return grant

    async def _micro_batch(self, account: Account, contact_ids: Sequence[int]) -> Counter[str]:
        started = self.monotonic()
        with account.opened(len(contact_ids)):
            armed = await self._arm(account, contact_ids)
            await self._return(account, len(contact_ids) - len(armed), armed)
            answered = await self._answers(account, armed, started)
        await self._heed(answered)
        if self.choose:
            await self.choose.report(account.channel, answered)
        return Counter(a.outcome.kind.value for a in answered if a.outcome)

    async def _arm(self, account: Account, contact_ids: Sequence[int]) -> list[Armed]:
        ways = account.take_ways(contact_ids)
        try:
            async with self.trial(contact_ids) if self.trial else nullcontext():
                return await self.arm(contact_ids, account.channel, ways)
        except ArmingUnsure as exc:
            # Should the claim stand after all, its fence says so, and what it holds goes back to planned.
            self.unsettled.extend(not_started(exc.armed))
            raise

    async def _return(self, account: Account, spare: int, armed: Sequence[Armed]) -> None:
        """Give back the tokens that the claim left over. Should that end the job, what it holds was not started."""
        if not spare:
            return
        try:
            await self.limiter.give_back(account.name, spare)
        except BaseException:
            await asyncio.shield(self._record(not_started(armed)))
            raise

    async def _answers(self, account: Account, armed: Sequence[Armed], started: float) -> list[Answered]:
        """Call, and record what came of it whatever happens to this job meanwhile."""
        began = self.monotonic()
        try:
            answered = await self._call(account.channel, armed, started)
        except BaseException:
            await asyncio.shield(self._record(lost(armed, "cancelled")))
            raise
        now = self.monotonic()
        await asyncio.shield(self._record(answered))
        account.saw(_sample(account, answered, now - began), now)
        return answered

    async def _call(self, channel: Channel, armed: Sequence[Armed], started: float) -> list[Answered]:
        sends = [a for a in armed if a.kind is AttemptKind.SEND]
        answered = await self._send(channel, sends, started)
        for one in armed:
            called = self.arm.channels.get(one.provider)
            if one.kind is AttemptKind.RECALL and called:
                answered += await self._send(called, [one], started)
            elif one.kind is AttemptKind.LOOKUP and called:
                answered += await self._ask(called, one, started)
        return answered

    async def _send(self, channel: Channel, armed: Sequence[Armed], started: float) -> list[Answered]:
        if not armed:
            return []
        try:
            outcomes = await channel.send([self._outbound(a, started) for a in armed])
            return [Answered(a, outcome) for a, outcome in zip(armed, outcomes, strict=True)]
        except Exception:  # noqa: BLE001 - an adapter that raises has told us nothing: perhaps sent
            return lost(armed, "adapter-error")

    async def _ask(self, channel: Channel, one: Armed, started: float) -> list[Answered]:
        try:
            return [Answered(one, await channel.look_up(self._outbound(one, started)))]
        except Exception:  # noqa: BLE001 - as above; what the neighbours were told stays theirs
            return lost([one], "adapter-error")

    async def _record(self, answered: Sequence[Answered]) -> None:
        """What nobody expects is raised, after each was tried alone: as long as we live, nobody else ends a sending."""
        try:
            await self.settle(answered, self.arm.channels)
        except StoreUnavailable:
            self.unsettled.extend(answered)
        except Exception:
            await self._record_each(answered)
            raise

    async def _record_each(self, answered: Sequence[Answered]) -> None:
        """One that cannot be recorded must not keep its neighbours from it."""
        for one in answered:
            try:
                await self.settle([one], self.arm.channels)
            except StoreUnavailable:
                self.unsettled.append(one)
            except Exception:  # noqa: BLE001 - kept, and raised where all of them were to be recorded
                self.refused.append(one)

    async def _heed(self, answered: Sequence[Answered]) -> None:
        """A provider that asks for silence gets it from every worker."""
        waits: dict[str, float] = {}
        for armed, outcome in answered:
            wait = outcome and _silence(outcome)
            if wait:
                waits[armed.provider] = max(wait, waits.get(armed.provider, 0.0))
        for provider, wait in waits.items():
            await self.limiter.pause(provider, wait)

    async def _give_back(self, account: Account, contact_ids: Sequence[int]) -> None:
        if not contact_ids:
            return
        account.take_ways(contact_ids)
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            await tx.releases.give_back(contact_ids, times=times, actor=self.arm.actor)

    def _outbound(self, armed: Armed, started: float) -> Outbound:
        letter, held = Letter.thaw(armed.letter), armed.contact.held
        return Outbound(
            contact_id=armed.contact.contact_id,
            attempt=armed.number,
            reference=armed.reference,
            idempotency_key=armed.idempotency_key,
            to=letter.to,
            body=letter.body,
            locale=letter.locale,
            # The claim came after `started`, so this is never later than the contact's own last moment.
            deadline=started + min(self.deadline_s, armed.within_s),
            armed_at=held.armed_at if held else None,
        )


def _silence(outcome: Outcome) -> float:
    """Seconds for which all workers leave the provider alone."""
    if outcome.kind is OutcomeClass.THROTTLED:
        return outcome.retry_after_s or 1.0
    return _MISCONFIGURED_PAUSE_S if outcome.kind is OutcomeClass.MISCONFIGURED else 0.0


def _sample(account: Account, answered: Sequence[Answered], latency_s: float) -> Sample:
    throttled = sum(a.outcome is not None and a.outcome.kind is OutcomeClass.THROTTLED for a in answered)
    return Sample(calls=len(answered), latency_s=latency_s, throttled=throttled, open=account.open)
