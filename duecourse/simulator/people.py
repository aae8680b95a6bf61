"""Carries out what the borrowers decided, by the same doors that real ones use."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import aiohttp

from duecourse.bootstrap import App
from duecourse.domain.book import Payment
from duecourse.domain.hold import NewHold
from duecourse.domain.money import Money
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import read_times
from duecourse.ledger.demo import DemoRows
from duecourse.simulator.borrowers import Act, Deed
from duecourse.simulator.promises import Entry, Met
from duecourse.simulator.remote import RemoteSandbox
from duecourse.usecases.place_hold import place_hold
from duecourse.usecases.record_payment import record_payment, reverse_payment

_ACTOR = "demo"
_AT_ONCE = 4
_LINK = re.compile(r"<(https?://[^>]+)>")
_ONE_CLICK = {"List-Unsubscribe": "One-Click"}
_WORDS = {Deed.STOP: "STOP", Deed.THANK: "Thank you, I will pay on Friday"}


@dataclass(kw_only=True)
class People:
    app: App
    sandbox: RemoteSandbox
    web: aiohttp.ClientSession
    met: list[Met] = field(default_factory=list)
    """Which due dates were met, and when that was committed."""
    done: Counter[str] = field(default_factory=Counter)

    async def do(self, acts: Sequence[Act]) -> None:
        """All of them: each borrower's in order, the borrowers side by side."""
        each: dict[str, list[Act]] = defaultdict(list)
        for act in acts:
            each[act.borrower].append(act)
        room = asyncio.Semaphore(_AT_ONCE)

        async def in_order(mine: Iterable[Act]) -> None:
            async with room:
                for act in mine:
                    await self._deeds[act.deed](act)
                    self.done[act.deed] += 1

        await asyncio.gather(*map(in_order, each.values()))

    @property
    def _deeds(self) -> Mapping[Deed, Callable[[Act], Awaitable[None]]]:
        return {
            Deed.PAY: self._pay,
            Deed.REVERSE: self._reverse,
            Deed.STOP: self._reply,
            Deed.THANK: self._reply,
            Deed.UNSUBSCRIBE: self._unsubscribe,
            Deed.HARDSHIP: self._ask_for_peace,
        }

    async def _pay(self, act: Act) -> None:
        result = await record_payment(
            Payment(
                external_id=_payment_id(act),
                loan_external_id=act.loan,
                amount=Money(minor=act.amount_minor, currency=act.currency),
                paid_at=act.at,
            ),
            ledger=self.app.ledger,
            clock=self.app.clock,
            order=self.app.settings.allocation_order,
            actor=_ACTOR,
        )
        async with self.app.ledger.transaction() as tx:
            # Read after the commit: whatever was permitted later must know of the payment.
            since = (await read_times(tx.conn, virtual=True)).lease
            met = await DemoRows(tx.conn, tx.vault).met(result.instalments)
        self.met.extend(Met(borrower_id=borrower_id, due_on=due_on, since=since) for borrower_id, due_on in met)

    async def _reverse(self, act: Act) -> None:
        # Read before the reversal: whatever was permitted earlier must know of the payment.
        until = (await self.app.clock.read()).lease
        result = await reverse_payment(
            _payment_id(act),
            ledger=self.app.ledger,
            clock=self.app.clock,
            order=self.app.settings.allocation_order,
            actor=_ACTOR,
        )
        if result.borrower_id is not None:
            await self._reopen(result.borrower_id, until)

    async def _reopen(self, borrower_id: int, until: datetime) -> None:
        async with self.app.ledger.transaction() as tx:
            unmet = await DemoRows(tx.conn, tx.vault).unmet(borrower_id)
        self.met = [
            replace(m, until=until) if m.borrower_id == borrower_id and m.until is None and m.due_on in unmet else m
            for m in self.met
        ]

    async def _reply(self, act: Act) -> None:
        await self.sandbox.reply(ChannelKind.SMS.value, act.address, _WORDS[act.deed])

    async def _unsubscribe(self, act: Act) -> None:
        """One click, as RFC 8058 has a mail client do it."""
        async with self.web.post(act.link, data=_ONE_CLICK) as response:
            response.raise_for_status()

    async def _ask_for_peace(self, act: Act) -> None:
        hold = NewHold(borrower=act.borrower, reason="hardship", placed_by=_ACTOR)
        await place_hold(hold, ledger=self.app.ledger, clock=self.app.clock)


def unsubscribe_link(entry: Entry) -> str | None:
    """The one-click address in an e-mail's List-Unsubscribe header."""
    found = _LINK.search((entry.get("headers") or {}).get("List-Unsubscribe", ""))
    return found[1] if found else None


def _payment_id(act: Act) -> str:
    return f"demo-{act.loan}-{act.due_on}"
