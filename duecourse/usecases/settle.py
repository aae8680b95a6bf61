"""The settle: each call's outcome, where it takes its contact, and what follows from it, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from duecourse.domain.clock import Clock, Times
from duecourse.domain.contact import AttemptKind, ContactState, Disposition
from duecourse.domain.demand import NewDemand
from duecourse.domain.event import Event
from duecourse.domain.message import Outcome
from duecourse.domain.vocabulary import OutcomeClass
from duecourse.policy.disposition import Backoff, Ended, after_lookup, after_recall, after_send
from duecourse.policy.wishes import BY_REFUSAL
from duecourse.ports import Answered, Armed, Channel, Ledger, Settled, Settlement, Transaction
from duecourse.usecases.silence import Stop, silence

Jitter = Callable[[], float]
"""A number in [0, 1)."""


@dataclass(frozen=True, kw_only=True)
class Settle:
    ledger: Ledger
    clock: Clock
    backoff: Backoff
    jitter: Jitter
    actor: str

    async def __call__(self, answered: Sequence[Answered], channels: Mapping[str, Channel]) -> None:
        """Record what the calls came to. Safe to repeat: an outcome is written once."""
        if not answered:
            return
        times = await self.clock.read()
        settlements = [self._settlement(a, channels[a.armed.provider], times.business) for a in answered]
        async with self.ledger.transaction() as tx, tx.together():
            await tx.contacts.lock_borrowers(_touched_borrowers(settlements))
            settled = await tx.settlements.settle(settlements, times=times)
            known = [s for s in settlements if s.armed.contact.contact_id in settled.recorded]
            await tx.events.append(times, self.actor, [_event_of(s, settled) for s in known])
            await self._follow_up(tx, [s for s in known if s.armed.contact.contact_id in settled.moved], times)

    async def _follow_up(self, tx: Transaction, settlements: Sequence[Settlement], times: Times) -> None:
        points = [s.armed.contact.point for s in settlements if s.outcome.address_invalid]
        await tx.contacts.flag_addresses([p.contact_point_id for p in points if p], times=times)
        for settlement in settlements:
            if settlement.outcome.opted_out:
                await self._opt_out(tx, settlement, times)
        onward = [s.armed.contact.contact_id for s in settlements if s.disposition.next_channel]
        await tx.contacts.plan_next_channels(onward, times=times, actor=self.actor)

    async def _opt_out(self, tx: Transaction, settlement: Settlement, times: Times) -> None:
        """The provider knows of an opt-out that we do not: its refusal is the proof."""
        armed = settlement.armed
        demand = NewDemand(
            borrower_id=armed.contact.borrower_id,
            meaning=BY_REFUSAL,
            channel=armed.contact.channel,
            source=f"refused:{armed.provider}",
            said_at=times.business,
            event_key=armed.reference,
        )
        stop = Stop(
            borrower_id=demand.borrower_id,
            scope=BY_REFUSAL.scope,
            channel=demand.channel,
            index=armed.contact.point.index if armed.contact.point else None,
            source=demand.source,
            rule=BY_REFUSAL.rule,
            demand_id=await tx.demands.record(demand, times=times, actor=self.actor),
        )
        await silence(tx, stop, times=times, actor=self.actor)

    def _settlement(self, answered: Answered, channel: Channel, now: datetime) -> Settlement:
        armed, outcome = answered
        found = outcome is not None
        outcome = outcome or Outcome(kind=OutcomeClass.TRANSIENT, code="not_found")
        ended = Ended(
            outcome=outcome,
            capability=channel.capability,
            failures=armed.contact.failures,
            jitter=self.jitter(),
            now=now,
            elsewhere=armed.way.elsewhere,
            give_up_at=armed.way.give_up_at,
        )
        return Settlement(armed, outcome, self._disposition(armed, ended, found=found))

    def _disposition(self, armed: Armed, ended: Ended, *, found: bool) -> Disposition:
        if armed.kind is AttemptKind.RECALL:
            return after_recall(ended)
        if armed.kind is AttemptKind.LOOKUP:
            held = armed.contact.held
            negatives = (held.negatives if held else 0) + (not found)
            return after_lookup(ended, found=found, negatives=negatives)
        return after_send(ended, self.backoff)


def _touched_borrowers(settlements: Sequence[Settlement]) -> list[int]:
    """Whose rows a follow-up writes: locked first, in id order, before any contact."""
    return sorted({
        s.armed.contact.borrower_id for s in settlements if s.outcome.opted_out or s.disposition.next_channel
    })


def _event_of(settlement: Settlement, settled: Settled) -> Event:
    armed, outcome, disposition = settlement
    contact = armed.contact
    data: dict[str, object] = {
        "attempt": armed.number,
        "provider": armed.provider,
        "outcome": outcome.kind.value,
        "code": outcome.code,
    }
    if contact.contact_id in settled.late:
        kind = "contact.accepted"
        data["late"] = True
    elif contact.contact_id not in settled.moved:
        kind = "attempt.late"
    elif disposition.state is ContactState.PLANNED:
        kind = "contact.postponed"
        data["not_before"] = disposition.not_before.isoformat() if disposition.not_before else None
    else:
        kind = f"contact.{disposition.state.value}"
    return Event(kind=kind, contact_id=contact.contact_id, borrower_id=contact.borrower_id, data=data)


def lost(armed: Sequence[Armed], code: str) -> list[Answered]:
    """What to settle where the call's end was never seen: perhaps sent."""
    return [Answered(a, Outcome(kind=OutcomeClass.UNKNOWN, code=code)) for a in armed]


def not_started(armed: Sequence[Armed]) -> list[Answered]:
    """What to settle where the claim was made and nothing was called."""
    return [Answered(a, Outcome(kind=OutcomeClass.TRANSIENT, code="not-started")) for a in armed]
