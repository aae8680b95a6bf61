"""Do what borrowers ask for in the transaction that reads it: silence at once, keep the proof, confirm once.

What is not sure silences its channel, too, until a person has said what was meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from duecourse.domain.clock import Times
from duecourse.domain.demand import CONFIRMED_ON, Intent, Meaning, NewDemand, Scope
from duecourse.domain.event import Event
from duecourse.domain.receipt import Incoming
from duecourse.domain.vocabulary import ChannelKind, ReceiptKind
from duecourse.policy.intents import Lexicon
from duecourse.policy.wishes import wish_of
from duecourse.ports import Transaction
from duecourse.usecases.silence import Stop, silence

#: 47 CFR 64.1200(a)(12): within five minutes a confirmation is part of the demand; later it is one message too many.
_CONFIRM_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One receipt, and everybody who may be behind it."""

    incoming: Incoming
    borrowers: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wish:
    """What one borrower asks for, and from where."""

    borrower_id: int
    meaning: Meaning
    incoming: Incoming
    said_at: datetime
    index: bytes | None
    alone: bool
    """Nobody else is behind this address."""

    @property
    def channel(self) -> ChannelKind:
        return self.incoming.channel

    @property
    def source(self) -> str:
        return f"{self.incoming.receipt.kind}:{self.incoming.provider}"


@dataclass(frozen=True, kw_only=True)
class HeedWishes:
    tx: Transaction
    lexicon: Lexicon
    times: Times
    actor: str

    async def __call__(self, said: Sequence[Said]) -> None:
        """In the order in which it was said. The borrowers are locked."""
        people = sorted({borrower for one in said for borrower in one.borrowers})
        locales = await self.tx.demands.locales(people) if people else {}
        for one in sorted(said, key=lambda one: self._said_at(one.incoming)):
            wishes = [self._wish(one, borrower, locales[borrower]) for borrower in sorted(one.borrowers)]
            await self._heed([wish for wish in wishes if wish])
            if not one.borrowers:
                await self._remember(one.incoming)

    def _wish(self, said: Said, borrower: int, locale: str) -> _Wish | None:
        incoming = said.incoming
        meaning = wish_of(incoming.receipt, self.lexicon, locale)
        if meaning is None:
            return None
        address = incoming.receipt.address
        return _Wish(
            borrower_id=borrower,
            meaning=meaning,
            incoming=incoming,
            said_at=self._said_at(incoming),
            index=self.tx.suppressions.index(incoming.channel, address) if address else None,
            alone=len(said.borrowers) == 1,
        )

    async def _remember(self, incoming: Incoming) -> None:
        """Nobody we know of: should the address ever be somebody's, it is silent."""
        meaning = wish_of(incoming.receipt, self.lexicon, "")
        address = incoming.receipt.address
        if meaning is None or meaning.intent is not Intent.STOP or not meaning.sure or not address:
            return
        index = self.tx.suppressions.index(incoming.channel, address)
        if await self.tx.suppressions.remember(incoming.channel, index, rule=meaning.rule, times=self.times):
            data = {"channel": incoming.channel.value, "rule": meaning.rule, "inbox_id": incoming.inbox_id}
            await self.tx.events.append(self.times, self.actor, [Event(kind="address.suppressed", data=data)])

    async def _heed(self, wishes: Sequence[_Wish]) -> None:
        """Of one receipt. An address that several share has one confirmation."""
        news = []
        for wish in wishes:
            if wish.meaning.intent is Intent.START:
                await self._begin_again(wish)
            elif not wish.meaning.sure:
                await self._ask(wish)
            elif await self._stop(wish):
                news.append(wish)
        if news and news[0].incoming.receipt.kind is ReceiptKind.REPLIED:
            await self._confirm(news[0])

    async def _stop(self, wish: _Wish) -> bool:
        stop = Stop(
            borrower_id=wish.borrower_id,
            scope=wish.meaning.scope,
            channel=wish.channel,
            index=wish.index,
            source=wish.source,
            rule=wish.meaning.rule,
            demand_id=await self._record(wish),
        )
        return await silence(self.tx, stop, times=self.times, actor=self.actor)

    async def _ask(self, wish: _Wish) -> None:
        """Nobody is asked about what is silent anyway."""
        silent = await self.tx.book.opt_outs.silences(wish.borrower_id, wish.channel)
        if silent is None or silent.width < wish.meaning.scope.width:
            hold_id = await self.tx.demands.hold(wish.borrower_id, wish.channel, times=self.times, actor=self.actor)
            await self._record(wish, hold_id)

    async def _begin_again(self, wish: _Wish) -> None:
        """Consent is what one known person says of their own address. Anything less is a question for a person."""
        clear = await self._is_clear(wish)
        await self._record(replace(wish, meaning=replace(wish.meaning, sure=clear)))
        if clear and wish.index is not None:
            await begin_again(
                self.tx, wish.borrower_id, (wish.channel, wish.index, wish.source), times=self.times, actor=self.actor
            )

    async def _is_clear(self, wish: _Wish) -> bool:
        silent = await self.tx.book.opt_outs.silences(wish.borrower_id, wish.channel)
        stopped_at = await self.tx.demands.last_said(wish.borrower_id, Intent.STOP, wish.channel)
        # A word from before the stop, which came in late, takes nothing back.
        in_order = stopped_at is None or stopped_at <= wish.said_at
        return wish.alone and wish.index is not None and silent in {None, Scope.CHANNEL} and in_order

    async def _record(self, wish: _Wish, hold_id: int | None = None) -> int:
        receipt = wish.incoming.receipt
        demand = NewDemand(
            borrower_id=wish.borrower_id,
            meaning=wish.meaning,
            channel=wish.channel,
            source=wish.source,
            said_at=wish.said_at,
            event_key=receipt.event_key,
            inbox_id=wish.incoming.inbox_id,
            address=receipt.address,
            text=receipt.text,
            hold_id=hold_id,
        )
        return await self.tx.demands.record(demand, times=self.times, actor=self.actor)

    async def _confirm(self, wish: _Wish) -> None:
        """One bare line back, while it is still an answer; the gate says whether it may leave."""
        if wish.channel not in CONFIRMED_ON:
            return
        waited = self.times.lease - wish.incoming.received_at
        not_after = min(wish.said_at, self.times.business - waited) + _CONFIRM_WITHIN
        if not_after > self.times.business:
            await self.tx.demands.confirm(
                wish.borrower_id, wish.channel, not_after=not_after, times=self.times, actor=self.actor
            )
        else:
            late = Event(kind="optout.unconfirmed", borrower_id=wish.borrower_id, data={"reason": "late"})
            await self.tx.events.append(self.times, self.actor, [late])

    def _said_at(self, incoming: Incoming) -> datetime:
        """As the provider tells it, which may be late and is never to come; else now."""
        return min(incoming.receipt.at or self.times.business, self.times.business)


async def begin_again(
    tx: Transaction, borrower_id: int, where: tuple[ChannelKind, bytes, str], *, times: Times, actor: str
) -> None:
    """Consent anew for one address: channel, its digest, and how it came. The channel's opt-out ends with it."""
    channel, index, source = where
    if await tx.suppressions.agree_again(borrower_id, channel, index, source=source, times=times, actor=actor):
        await tx.book.opt_outs.remove(borrower_id, channel, times=times, actor=actor)
