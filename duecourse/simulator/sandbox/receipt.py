"""Receipts and replies: what the provider tells its customer later, signed, retried, and as unreliable as told."""

import asyncio
import contextlib
import heapq
import json
from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

import aiohttp

from duecourse.domain.clock import host_now
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.chance import Chance
from duecourse.simulator.sandbox.journal import Entry, EntryKind, Journal
from duecourse.simulator.sandbox.signature import signed_headers

_MAX_PER_POST = 100
_LINGER_S = 0.01  # long enough that receipts of one burst share a request
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_TIMEOUT = aiohttp.ClientTimeout(total=10)

Event = dict[str, Any]


class ReceiptDesk:
    """Holds what is to be reported until it is due, and posts it until the customer says 2xx."""

    def __init__(self, journal: Journal, chance: Chance) -> None:
        self._journal = journal
        self._chance = chance
        self._accounts: dict[str, Account] = {}
        self._ready: dict[str, deque[Event]] = defaultdict(deque)
        self._later: list[tuple[datetime, int, str, Event]] = []
        self._order = count()
        self._replies = count(1)
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._posting = 0
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False)
        for account in self._accounts.values():
            self._start(account)

    async def aclose(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._session:
            await self._session.close()

    def open_account(self, account: Account) -> None:
        self._accounts[account.name] = account
        if self._session:
            self._start(account)

    @property
    def pending(self) -> int:
        """Receipts that are due and not yet taken by the customer."""
        return sum(map(len, self._ready.values())) + self._posting

    @property
    def held(self) -> int:
        """Receipts that will only be due later."""
        return len(self._later)

    @property
    def next_due(self) -> datetime | None:
        return self._later[0][0] if self._later else None

    def set_business(self, business: datetime | None) -> None:
        """Set the virtual clock; what has become due goes out."""
        self._journal.business = business
        self._promote()

    def report(self, account: Account, entry: Entry, undelivered: str | None) -> None:
        """Plan the receipts of an accepted message, with the account's habits."""
        habits, about = account.receipts, self._occasion(entry)
        if not habits.enabled or account.webhook_url is None or self._happens(habits.lost, "lost", *about):
            return
        if undelivered is None and self._happens(habits.undelivered, "undelivered", *about):
            undelivered = "network_failure"
        due = self._now()
        if self._happens(habits.late, "late", *about):
            due += timedelta(seconds=self._chance.between(0, habits.late_s, "late_s", *about))
        for event in self._events(account, entry, undelivered):
            self._put(due, account.name, {**event, "at": due.isoformat()})

    def reply(self, account: Account, address: str, text: str) -> None:
        """The borrower answers: at once, exactly once, never lost."""
        event_id = f"reply-{account.name}-{host_now().timestamp():.6f}-{next(self._replies)}"
        event = {"event_id": event_id, "type": "replied", "at": self._now().isoformat(), "from": address, "text": text}
        self._put(self._now(), account.name, event)

    def _events(self, account: Account, entry: Entry, undelivered: str | None) -> Iterator[Event]:
        habits, about = account.receipts, self._occasion(entry)
        kinds = ["undelivered"] if undelivered else ["delivered"]
        if not undelivered and self._happens(habits.read, "read", *about):
            kinds.append("read")
        if self._happens(habits.out_of_order, "order", *about):
            kinds.reverse()
        if self._happens(habits.duplicate, "duplicate", *about):
            kinds *= 2
        for kind in kinds:
            event = {"event_id": f"{entry['id']}-{kind}", "type": kind, "message_id": entry["id"]}
            code = {"code": undelivered} if undelivered else {}
            yield {**event, "reference": entry["reference"], **code}

    def _occasion(self, entry: Entry) -> tuple[str, str]:
        return entry["account"], self._journal.occasion(entry["to"], entry["reference"])

    def _happens(self, probability: float, *about: str) -> bool:
        return self._chance.happens(probability, *about)

    def _now(self) -> datetime:
        return self._journal.business or host_now()

    def _put(self, due: datetime, account: str, event: Event) -> None:
        heapq.heappush(self._later, (due, next(self._order), account, event))
        self._promote()

    def _promote(self) -> None:
        now = self._now()
        while self._later and self._later[0][0] <= now:
            _, _, account, event = heapq.heappop(self._later)
            self._ready[account].append(event)
            if account in self._wake:
                self._wake[account].set()
        if self._later and self._journal.business is None:
            wait_s = (self._later[0][0] - now).total_seconds()
            with contextlib.suppress(RuntimeError):  # no loop runs before the server does
                asyncio.get_running_loop().call_later(wait_s, self._promote)

    def _start(self, account: Account) -> None:
        if account.webhook_url and account.name not in self._tasks:
            self._wake[account.name] = asyncio.Event()
            self._wake[account.name].set()
            self._tasks[account.name] = asyncio.create_task(self._run(account.name))

    async def _run(self, name: str) -> None:
        ready, wake = self._ready[name], self._wake[name]
        while True:
            await wake.wait()
            await asyncio.sleep(_LINGER_S)
            wake.clear()
            while ready:
                batch = list(islice(ready, _MAX_PER_POST))
                for _ in batch:
                    ready.popleft()
                self._posting += len(batch)
                try:
                    await self._post(self._accounts[name], batch)
                finally:
                    self._posting -= len(batch)

    async def _post(self, account: Account, events: list[Event]) -> None:
        body = json.dumps({"events": events}, separators=(",", ":")).encode()
        message_id = f"msg_{events[0]['event_id']}_{next(self._order)}"
        for tries in count():
            # The account may be changed while we wait: the newest address and secret count.
            account = self._accounts[account.name]
            if await self._delivered(account, message_id, body):
                break
            await asyncio.sleep(_BACKOFF_S[min(tries, len(_BACKOFF_S) - 1)])
        for event in events:
            self._journal.record(EntryKind.RECEIPT, {"account": account.name, **event})

    async def _delivered(self, account: Account, message_id: str, body: bytes) -> bool:
        if self._session is None or account.webhook_url is None:
            return False
        headers = signed_headers(account.webhook_secret, message_id, int(host_now().timestamp()), body)
        try:
            async with self._session.post(account.webhook_url, data=body, headers=headers) as response:
                return 200 <= response.status < 300  # noqa: PLR2004 - HTTP's own numbers
        except (aiohttp.ClientError, TimeoutError):
            return False
