"""What happens to a message inside the sandbox provider, whichever door it came through."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from duecourse.domain.clock import Monotonic
from duecourse.domain.vocabulary import ChannelKind
from duecourse.simulator.sandbox.account import Account, Faults
from duecourse.simulator.sandbox.chance import Chance
from duecourse.simulator.sandbox.journal import EntryKind, Journal
from duecourse.simulator.sandbox.key import Keys
from duecourse.simulator.sandbox.pace import Pace
from duecourse.simulator.sandbox.receipt import ReceiptDesk

Answer = dict[str, Any]
"""`{"id", "status"}` or `{"error": {"code"}}`."""

_SHAPES = {
    ChannelKind.SMS: re.compile(r"\+[1-9]\d{6,14}"),
    ChannelKind.VOICE: re.compile(r"\+[1-9]\d{6,14}"),
    ChannelKind.EMAIL: re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    ChannelKind.PUSH: re.compile(r"\S{4,4096}"),
    ChannelKind.IM: re.compile(r"\S{1,256}"),
}
#: Faults before which nothing is accepted.
BEFORE = frozenset({"e429", "e503", "e500_before", "timeout_before_accept", "disconnect_before"})
_CALL_FAULTS = tuple(f.name for f in fields(Faults) if f.name != "refused")


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """One message as the customer handed it in."""

    reference: str
    key: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    subject: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """What is odd about one address."""

    refuse: str | None = None
    """Sending to it is refused with this code: `invalid_address`, `opted_out`."""
    undelivered: str | None = None
    """Accepted, and then never delivered: the receipt's code."""


_NORMAL = Behaviour()


class Customer:
    """An account at work: its bucket, its keys, and how often each message was tried."""

    def __init__(self, account: Account, now: Monotonic) -> None:
        self.account = account
        self.pace = Pace(rate_per_s=account.rate_per_s, burst=account.burst, now=now)
        self.keys = Keys(window_s=account.dedupe_window_s, now=now)
        self.calls: Counter[str] = Counter()


class Exchange:
    """The provider's switchboard: one per server."""

    def __init__(self, journal: Journal, chance: Chance, desk: ReceiptDesk, now: Monotonic) -> None:
        self.journal = journal
        self.desk = desk
        self.customers: dict[str, Customer] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self._chance = chance
        self._now = now

    def open_account(self, account: Account) -> None:
        """Add an account, or change one that is there: its keys are remembered, its bucket is full again."""
        customer = Customer(account, self._now)
        if before := self.customers.get(account.name):
            customer.keys, customer.calls = before.keys, before.calls
        self.customers[account.name] = customer
        self.desk.open_account(account)

    def throttle(self, customer: Customer, items: Sequence[Submission]) -> float:
        """Seconds to wait before this call may be made; 0 where it may go on now."""
        wait_s = customer.pace.wait_for(len(items))
        if wait_s:
            self._note(EntryKind.THROTTLED, customer, items[0], {"messages": len(items)})
        return wait_s

    def fault(self, customer: Customer, items: Sequence[Submission]) -> str | None:
        """Which misbehaviour, by seed, befalls this call. The first message stands for the call."""
        about = self.journal.occasion(items[0].to, items[0].key or items[0].reference)
        customer.calls[about] += 1
        draw = self._chance.draw("fault", customer.account.name, about, customer.calls[about])
        for name in _CALL_FAULTS:
            draw -= getattr(customer.account.faults, name)
            if draw < 0:
                self._note(EntryKind.FAULT, customer, items[0], {"code": name, "messages": len(items)})
                return name
        return None

    def seen(self, customer: Customer, items: Sequence[Submission]) -> list[str | None]:
        """Which messages the keys made before: asked when a call arrives, so that two in flight both pass."""
        if not customer.account.dedupe:
            return [None] * len(items)
        return [customer.keys.message_of(item.key) for item in items]

    def take(self, customer: Customer, item: Submission, seen: str | None) -> Answer:
        """Accept, refuse or recognise one message. Its key counts only after `complete`."""
        if seen:
            self._note(EntryKind.DUPLICATE, customer, item, {"id": seen})
            return {"id": seen, "status": "duplicate"}
        if code := self._refusal(customer.account, item):
            self._note(EntryKind.REFUSED, customer, item, {"code": code})
            return {"error": {"code": code}}
        entry = self.journal.accept(_fields(customer.account, item))
        self.desk.report(customer.account, entry, self._behaviour(item.to).undelivered)
        return {"id": entry["id"], "status": "accepted"}

    def complete(self, customer: Customer, items: Sequence[Submission], answers: Sequence[Answer]) -> None:
        """The call is over: from now on its keys are known."""
        for item, answer in zip(items, answers, strict=True):
            if answer.get("status") == "accepted":
                customer.keys.complete(item.key, answer["id"])

    def overtaken(self, customer: Customer, items: Sequence[Submission]) -> bool:
        """Whether the receipt of this call comes before its response."""
        likely = customer.account.receipts.out_of_order
        about = self.journal.occasion(items[0].to, items[0].reference)
        return self._chance.happens(likely, "overtake", customer.account.name, about)

    def _behaviour(self, address: str) -> Behaviour:
        return self.behaviours.get(address, _NORMAL)

    def _refusal(self, account: Account, item: Submission) -> str | None:
        if not _SHAPES[account.channel].fullmatch(item.to):
            return "invalid_address"
        if code := self._behaviour(item.to).refuse:
            return code
        about = self.journal.occasion(item.to, item.reference)
        if not item.text or self._chance.happens(account.faults.refused, "refused", account.name, about):
            return "content_refused"
        return None

    def _note(self, kind: EntryKind, customer: Customer, item: Submission, more: dict[str, Any]) -> None:
        named = {"account": customer.account.name, "channel": customer.account.channel.value}
        self.journal.record(kind, {**named, "reference": item.reference, "idempotency_key": item.key, **more})


def _fields(account: Account, item: Submission) -> dict[str, Any]:
    return {
        "account": account.name,
        "channel": account.channel.value,
        "reference": item.reference,
        "idempotency_key": item.key,
        "to": item.to,
        "text": item.text,
        "subject": item.subject,
        "html": item.html,
        "headers": item.headers,
    }
