"""Rows of a small outreach, as the use cases would have left them."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from duecourse.ledger.database import PostgresLedger
    from tests.pipeline import World
    from tests.terminal import Command, Result, Terminal

AT = datetime(2018, 4, 16, 15, tzinfo=UTC)
DUE = date(2018, 4, 16)
#: How a contact comes to be in a state.
PATHS = {
    "planned": (),
    "released": ("released",),
    "sending": ("released", "sending"),
    "accepted": ("released", "sending", "accepted"),
    "unknown": ("released", "sending", "unknown"),
    "assumed_sent": ("released", "sending", "unknown", "assumed_sent"),
    "rejected": ("released", "sending", "rejected"),
    "undelivered": ("released", "sending", "accepted", "undelivered"),
    "delivered": ("released", "sending", "accepted", "delivered"),
    "cancelled": ("cancelled",),
}
UNSENT = {"planned", "released", "cancelled"}

_BORROWER = """
INSERT INTO borrowers (external_id, data_key_id, name_sealed, locale, country, time_zone, created_at, updated_at)
VALUES (%s, %s, %s, 'en', 'US', 'America/New_York', %s, %s) RETURNING borrower_id
"""
_POINT = """
INSERT INTO contact_points (borrower_id, channel, address_sealed, address_index, consent)
VALUES (%s, %s, %s, %s, 'granted')
"""
_CONTACT = """
INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, next_channels, audience,
    template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)
VALUES (contact_month_base(%(due)s) + nextval('contact_numbers'), %(due)s, %(borrower)s, 'default', 1, %(rung)s,
    %(channel)s, %(next)s, 'standard', 'due', '{}', 5, %(at)s, %(at)s, %(end)s, %(at)s, %(at)s)
RETURNING contact_id
"""
_ATTEMPT = """
WITH known AS (
    INSERT INTO messages (contact_id, due_on, number, message_id)
    SELECT %(contact)s, %(due)s, %(number)s, %(message)s WHERE %(message)s::text IS NOT NULL
)
INSERT INTO attempts (contact_id, due_on, number, kind, borrower_id, channel, provider, fence, owner, reference,
    idempotency_key, body_hash, body_sealed, armed_business, armed_at, local_day, counted, provider_message_id)
VALUES (%(contact)s, %(due)s, %(number)s, %(kind)s, %(borrower)s, %(channel)s, %(provider)s, 1, 1, %(reference)s,
    %(key)s, %(hash)s, %(sealed)s, %(at)s, %(at)s, %(due)s, %(counted)s, %(message)s)
"""


@dataclass
class Outreach:
    ledger: "PostgresLedger"
    numbers: "Iterator[int]" = field(default_factory=lambda: itertools.count(1))
    keys: dict[int, tuple[int, Any]] = field(default_factory=dict)
    addresses: dict[tuple[int, str], str] = field(default_factory=dict)

    async def borrower(self, *, name: str = "Ada", **points: str) -> int:
        """A borrower with one address per channel: `sms="+12025550143"`."""
        from duecourse.domain.address import index_form
        from duecourse.ledger.crypto import address_place, name_place

        vault = self.ledger.vault
        key, wrapped, version = vault.new_key()
        async with self.ledger.transaction() as tx:
            key_id = await self._one(
                "INSERT INTO data_keys (purpose, wrapped, master_version) VALUES ('borrower', %s, %s)"
                " RETURNING data_key_id",
                (wrapped, version),
                tx,
            )
            sealed = vault.seal(key, name_place(key_id), name)
            borrower = await self._one(_BORROWER, (f"B-{next(self.numbers)}", key_id, sealed, AT, AT), tx)
            for channel, address in points.items():
                index = vault.index(channel, index_form(address))
                sealed = vault.seal(key, address_place(key_id, channel, index), address)
                await tx.conn.execute(_POINT, (borrower, channel, sealed, index))
                self.addresses[borrower, channel] = address
        self.keys[borrower] = (key_id, key)
        return borrower

    async def contact(
        self,
        borrower: int,
        state: str = "accepted",
        *,
        channel: str = "sms",
        onward: Sequence[str] = (),
        due: date = DUE,
    ) -> int:
        """A contact in that state, with its attempt where it was ever sent."""
        async with self.ledger.transaction() as tx:
            await tx.conn.execute("SELECT ensure_months(%s, %s)", (due, due))
            contact = await self._one(
                _CONTACT,
                {
                    "due": due,
                    "borrower": borrower,
                    "rung": f"rung-{next(self.numbers)}",
                    "channel": channel,
                    "next": list(onward),
                    "at": AT,
                    "end": AT + timedelta(hours=4),
                },
                tx,
            )
            for step in PATHS[state]:
                await tx.conn.execute("UPDATE contacts SET state = %s WHERE contact_id = %s", (step, contact))
        if state not in UNSENT:
            await self.attempt(contact, borrower, channel=channel, due=due)
        return contact

    async def attempt(self, contact: int, borrower: int, *, number: int = 1, **row: Any) -> None:
        """An armed attempt, by default the first, by the provider `fake`, its message id unknown."""
        from duecourse.domain.address import DebtorAddress
        from duecourse.domain.letter import Letter
        from duecourse.domain.message import Rendered
        from duecourse.ledger.crypto import body_place

        channel, reference = row.get("channel", "sms"), f"{contact}-{number}"
        key_id, key = self.keys[borrower]
        letter = Letter(
            to=DebtorAddress(self.addresses.get((borrower, channel), "+12025550100")),
            locale="en",
            body=Rendered(text="x"),
        )
        sealed = self.ledger.vault.seal_bytes(key, body_place(key_id, reference), letter.freeze())
        async with self.ledger.transaction() as tx:
            await tx.conn.execute(
                _ATTEMPT,
                {
                    "contact": contact,
                    "borrower": borrower,
                    "number": number,
                    "reference": reference,
                    "sealed": sealed,
                    "hash": hashlib.sha256(letter.freeze()).digest(),
                    "at": AT,
                    "channel": channel,
                    "due": row.get("due", DUE),
                    "kind": row.get("kind", "send"),
                    "key": row.get("key", reference),
                    "provider": row.get("provider", "fake"),
                    "counted": row.get("counted", True),
                    "message": row.get("message"),
                },
            )

    async def state(self, contact: int) -> str:
        return str(await self.value("SELECT state FROM contacts WHERE contact_id = %s", contact))

    async def kinds(self, contact: int) -> list[str]:
        """The kinds of the contact's events, in order."""
        rows = await self.rows("SELECT kind FROM events WHERE contact_id = %s ORDER BY event_id", contact)
        return [row[0] for row in rows]

    async def value(self, sql: str, *values: Any) -> Any:
        rows = await self.rows(sql, *values)
        return rows[0][0] if rows else None

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        async with self.ledger.transaction() as tx:
            return await (await tx.conn.execute(sql.encode(), values)).fetchall()

    async def receive(self, *events: dict[str, Any], provider: str = "fake", at: datetime = AT) -> int | None:
        """Store a provider's call as the web process does."""
        from duecourse.domain.clock import FixedClock
        from duecourse.domain.message import WebhookRequest
        from duecourse.usecases.store_webhook import StoreWebhook

        call = WebhookRequest(url="https://x.example/", headers={}, body=json.dumps({"events": events}).encode())
        return await StoreWebhook(ledger=self.ledger, clock=FixedClock(at))(provider, call)

    async def _one(self, sql: str, values: Any, tx: Any) -> int:
        row = await (await tx.conn.execute(sql, values)).fetchone()
        return int(row[0])


@pytest.fixture
async def outreach(ledger: "PostgresLedger") -> Outreach:
    made = Outreach(ledger)
    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (DUE, DUE))
    return made


@pytest.fixture
def duecourse(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Command":
    """The command in an empty folder, on stores of its own."""
    from tests.terminal import run

    monkeypatch.chdir(tmp_path)

    def typed(*words: str) -> "Result":
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return run(capsys, *words)

    return typed


@pytest.fixture
def terminal_of(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Callable[..., Terminal]":
    """By its name: a group of commands on stores of its own. Further words are variables of the environment."""
    from tests.terminal import Terminal

    def opened(group: str, **more: str) -> Terminal:
        for name, value in (environment | more).items():
            monkeypatch.setenv(name, value)
        return Terminal(group, capsys)

    return opened


@pytest.fixture
def world(ledger: "PostgresLedger") -> "World":
    """The whole pipeline, to be driven by hand."""
    from channels.limits import FakeLimiter
    from duecourse.domain.clock import FixedClock
    from tests.pipeline import MORNING, ListQueue, World, fake

    return World(ledger=ledger, clock=FixedClock(MORNING), queue=ListQueue(), limiter=FakeLimiter(), channel=fake())
