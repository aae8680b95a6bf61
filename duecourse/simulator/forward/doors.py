"""Carries out what borrowers do, by the same use cases that real ones reach: payments, receipts, holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from duecourse.bootstrap import App
from duecourse.domain.book import Payment
from duecourse.domain.hold import NewHold
from duecourse.domain.message import Receipt
from duecourse.domain.money import Money
from duecourse.domain.payment import PaymentStatus
from duecourse.domain.receipt import Incoming
from duecourse.domain.vocabulary import ChannelKind, ReceiptKind
from duecourse.policy.intents import Lexicon
from duecourse.policy.packs.vocabulary import Direction, Medium, StopEvent, TouchOutcome
from duecourse.ports.evidence import NewEncounter, NewStop, Question
from duecourse.simulator.forward.acts import Act, Deed, Talk
from duecourse.simulator.forward.crowd import Crowd
from duecourse.simulator.forward.effects import EFFECTS, Factor
from duecourse.usecases.opt_out import opt_out
from duecourse.usecases.place_hold import place_hold
from duecourse.usecases.record_encounter import record_encounter
from duecourse.usecases.record_receipts import record_receipts
from duecourse.usecases.record_stop import record_stop

ACTOR = "simulation"
#: Where a message can be answered.
_ANSWERED = frozenset({ChannelKind.SMS, ChannelKind.IM})
_STOP_WORD = "STOP"
_HARDSHIP_WORDS = "I lost my job and cannot pay this month"


@dataclass(frozen=True, kw_only=True)
class Paid:
    """A payment that was recorded."""

    act: Act
    amount: Money


@dataclass(kw_only=True)
class Doors:
    app: App
    crowd: Crowd
    providers: Mapping[ChannelKind, str]
    lexicon: Lexicon
    """By what words borrowers stop us: the deployment's own."""
    done: Counter[str] = field(default_factory=Counter)
    """Deeds, and opt-outs by channel as `stop:sms`."""
    paid: list[Paid] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)

    async def carry_out(self, acts: Sequence[Act]) -> list[Act]:
        """All of them, in order within each kind, and what follows from them. Payments first: they end what is due."""
        by_deed: dict[Deed, list[Act]] = {deed: [act for act in acts if act.deed is deed] for deed in Deed}
        payments = [act for act in by_deed[Deed.PAY] if self.crowd.settle(act)]
        await self._pay(payments)
        await self._answer([*by_deed[Deed.STOP], *by_deed[Deed.HARDSHIP]])
        for act in by_deed[Deed.COMPLAIN]:
            await self._complain(act)
        for act in [*by_deed[Deed.COMPLAIN], *by_deed[Deed.HARDSHIP]]:
            await self._hold(act)
        for act in by_deed[Deed.CALL]:
            await self._talk(act)
        for deed in (Deed.STOP, Deed.COMPLAIN, Deed.HARDSHIP, Deed.CALL):
            self.done[deed] += len(by_deed[deed])
        self.done[Deed.PAY] += len(payments)
        rang = [following for act in by_deed[Deed.CALL] for following in self.crowd.on_call(act)]
        return rang + [following for act in by_deed[Deed.DIAL] for following in await self._dial(act)]

    def incoming(self, channel: ChannelKind, receipt: Receipt, at: datetime) -> Incoming:
        """That receipt, from the channel's provider. No call of its stands in the inbox, hence no id of one."""
        return Incoming(inbox_id=0, provider=self.providers[channel], channel=channel, receipt=receipt, received_at=at)

    async def record(self, incoming: Sequence[Incoming]) -> None:
        """What providers tell of their messages."""
        if not incoming:
            return
        times = await self.app.clock.read()
        async with self.app.ledger.transaction() as tx:
            await record_receipts(tx, incoming, self.lexicon, times=times, actor=ACTOR)

    async def _pay(self, acts: Sequence[Act]) -> None:
        payments = [self._payment(act) for act in acts]
        if not payments:
            return
        times = await self.app.clock.read()
        async with self.app.ledger.transaction() as tx:
            results = await tx.book.payments.record(
                payments, order=self.app.settings.allocation_order, times=times, actor=ACTOR
            )
        for act, payment, result in zip(acts, payments, results, strict=True):
            if result.status is not PaymentStatus.RECORDED:
                raise RuntimeError(f"a simulated payment was refused: {result.status}")
            self.paid.append(Paid(act=act, amount=payment.amount))

    def _payment(self, act: Act) -> Payment:
        owed = self.crowd.standing[act.loan, act.due_on].owed
        minor = max(1, round(owed.outstanding_minor * act.share))
        return Payment(
            external_id=f"simulated-{act.loan}-{act.due_on}",
            loan_external_id=act.loan,
            amount=Money(minor=minor, currency=owed.currency),
            paid_at=act.at,
        )

    async def _answer(self, acts: Sequence[Act]) -> None:
        """By the message's own channel: an SMS is answered, an e-mail has a link, an app has a switch."""
        replies = []
        for act in filter(_is_spoken, acts):
            channel = ChannelKind(act.channel)
            if act.deed is Deed.STOP:
                self.done[f"stop:{channel.value}"] += 1
            if channel in _ANSWERED:
                replies.append(self.incoming(channel, _reply(act), act.at))
            elif act.deed is Deed.STOP:
                await opt_out(
                    act.borrower, channel, source="simulated", ledger=self.app.ledger, clock=self.app.clock, actor=ACTOR
                )
        await self.record(replies)

    async def _complain(self, act: Act) -> None:
        """On record, so that packs may close what they close after a complaint."""
        stop = NewStop(borrower=act.borrower, kind=StopEvent.COMPLAINT, evidence=_number(act))
        await record_stop(stop, ledger=self.app.ledger, clock=self.app.clock, actor=ACTOR)

    async def _talk(self, act: Act) -> None:
        """A borrower rang: a conversation, which counts against the caps of some packs and starts their cool-downs."""
        self._spent(act, Factor.CALL_MINUTES, rang=True, spoke=True)
        await self._encounter(
            NewEncounter(
                reference=_number(act),
                borrower=act.borrower,
                loan=act.loan,
                medium=Medium.CALL,
                direction=Direction.INBOUND,
                outcome=TouchOutcome.CONVERSATION,
                identity_verified=True,
                requested=True,
                at=act.at,
            )
        )

    async def _dial(self, act: Act) -> list[Act]:
        """One of the lender's people calls, if the gate lets them; a call that must wait is asked about again then."""
        if not self.crowd.owes(act):
            return []
        question = Question(reference=_number(act), borrower=act.borrower, loan=act.loan, medium=Medium.CALL)
        answer = await self.app.asking(ACTOR)(question)
        self.done["call reserved" if answer.reserved else "call refused"] += 1
        if not answer.reserved:
            until = answer.verdict["until"]
            return [replace(act, at=datetime.fromisoformat(until))] if until else []
        spoke = self.crowd.answers(act)
        self._spent(act, Factor.CALL_MINUTES if spoke else Factor.DIAL_MINUTES, rang=False, spoke=spoke)
        outcome = TouchOutcome.CONVERSATION if spoke else TouchOutcome.UNANSWERED
        await self._encounter(
            NewEncounter(
                reference=_number(act),
                borrower=act.borrower,
                loan=act.loan,
                medium=Medium.CALL,
                outcome=outcome,
                identity_verified=spoke,
            )
        )
        return self.crowd.on_call(act) if spoke else []

    async def _encounter(self, encounter: NewEncounter) -> None:
        await record_encounter(encounter, ledger=self.app.ledger, clock=self.app.clock, actor=ACTOR)

    def _spent(self, act: Act, minutes: Factor, *, rang: bool, spoke: bool) -> None:
        self.talks.append(Talk(act.at, EFFECTS[minutes].amount * 60, rang, spoke))

    async def _hold(self, act: Act) -> None:
        reason = "complaint" if act.deed is Deed.COMPLAIN else "hardship"
        hold = NewHold(borrower=act.borrower, reason=reason, placed_by=ACTOR)
        await place_hold(hold, ledger=self.app.ledger, clock=self.app.clock)


def _number(act: Act) -> str:
    """Of the lender's own file about it."""
    return f"simulated-{act.deed}-{act.borrower}-{act.at.isoformat()}"


def _is_spoken(act: Act) -> bool:
    """In answer to a message; who rang has said it to a person."""
    return bool(act.channel)


def _reply(act: Act) -> Receipt:
    return Receipt(
        event_key=f"{act.deed}-{act.contact_id}",
        kind=ReceiptKind.REPLIED,
        at=act.at,
        reference=f"{act.contact_id}-1",
        text=_STOP_WORD if act.deed is Deed.STOP else _HARDSHIP_WORDS,
    )


def delivery(contact_id: int, reference: str, at: datetime, *, arrived: bool) -> Receipt:
    """What the provider tells of a message that it took."""
    kind = ReceiptKind.DELIVERED if arrived else ReceiptKind.UNDELIVERED
    code = None if arrived else "unreachable"
    return Receipt(event_key=f"{kind}-{contact_id}", kind=kind, at=at, reference=reference, code=code)
