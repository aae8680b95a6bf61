"""Calls that could not be applied are listed by id and read again on demand, once."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.fake import FakeChannel
from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import InputError
from duecourse.domain.message import Receipt, WebhookRequest
from duecourse.policy.intents import Lexicon
from duecourse.usecases.apply_inbox import ApplyInbox
from duecourse.usecases.reopen_inbox import list_set_aside, reopen_inbox

NO_WORDS = Lexicon(languages=())
AT = datetime(2018, 4, 16, 15, tzinfo=UTC)


class Moody(FakeChannel):
    """Reads nothing until it is well."""

    well = False

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        if not self.well:
            raise ValueError("canary text")
        return super().parse(request)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
async def channel(outreach: Any, clock: FixedClock) -> Moody:
    """Two calls of its were set aside, the first of them tells of a delivery."""
    channel = Moody()
    apply = ApplyInbox(ledger=outreach.ledger, clock=clock, channels={"fake": channel}, lexicon=NO_WORDS)
    contact = await outreach.contact(await outreach.borrower(), "accepted")
    await outreach.receive({"event_id": "e1", "type": "delivered", "reference": f"{contact}-1"})
    await outreach.receive({"event_id": "e2"})
    for _ in range(5):
        await apply()
    return channel


async def test_what_was_set_aside_is_listed_by_id(outreach: Any, channel: Moody) -> None:
    found = await list_set_aside(provider=None, limit=10, ledger=outreach.ledger)

    assert [(one.provider, one.tries) for one in found] == [("fake", 5)] * 2
    assert await list_set_aside(provider="other", limit=10, ledger=outreach.ledger) == []
    assert len(await list_set_aside(provider=channel.name, limit=1, ledger=outreach.ledger)) == 1


async def test_what_is_reopened_is_applied_by_the_next_run(outreach: Any, clock: FixedClock, channel: Moody) -> None:
    ids = [one.inbox_id for one in await list_set_aside(provider=None, limit=10, ledger=outreach.ledger)]
    channel.well = True

    await reopen_inbox(ids, ledger=outreach.ledger, clock=clock, actor="cli:ada")
    applied = await ApplyInbox(ledger=outreach.ledger, clock=clock, channels={"fake": channel}, lexicon=NO_WORDS)()

    assert applied == {"applied": 2}
    assert await outreach.rows("SELECT state FROM contacts") == [("delivered",)]
    assert await outreach.rows("SELECT result, tries FROM inbox") == [("applied", 1)] * 2
    told = await outreach.rows("SELECT actor, data FROM events WHERE kind = 'inbox.reopened' ORDER BY event_id")
    assert told == [("cli:ada", {"inbox_id": one}) for one in ids]


async def test_where_one_is_not_set_aside_none_is_reopened(outreach: Any, clock: FixedClock, channel: Moody) -> None:
    [first, _] = await list_set_aside(provider=channel.name, limit=10, ledger=outreach.ledger)

    with pytest.raises(InputError, match="not set aside: 999"):
        await reopen_inbox([first.inbox_id, 999], ledger=outreach.ledger, clock=clock, actor="cli:ada")

    assert len(await list_set_aside(provider=None, limit=10, ledger=outreach.ledger)) == 2


@pytest.mark.usefixtures("channel")
async def test_the_command_lists_and_reopens(environment: dict[str, str]) -> None:
    async def duecourse(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "duecourse.cli.main", "inbox", *arguments]
        return await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, check=False
        )

    listed = json.loads((await duecourse("list", "--json")).stdout)
    assert [set(one) for one in listed] == [{"inbox_id", "provider", "received_at", "tries"}] * 2
    refused = await duecourse("reopen")
    assert (refused.returncode, "name ids" in refused.stderr) == (2, True)
    reopened = json.loads((await duecourse("reopen", "--all", "--json")).stdout)
    assert reopened == {"reopened": [one["inbox_id"] for one in listed]}
    assert json.loads((await duecourse("list", "--json")).stdout) == []
