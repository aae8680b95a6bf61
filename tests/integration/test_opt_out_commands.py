"""`duecourse optouts` as a user types it: what borrowers asked for, with its proof, and a person's answer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from channels.fake import FakeChannel
from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import InputError
from duecourse.settings.inbound import load_lexicon
from duecourse.usecases.apply_inbox import ApplyInbox
from tests.integration.conftest import AT, Outreach
from tests.terminal import Terminal

LEXICON = load_lexicon(Path(__file__).resolve().parents[2] / "config")
PHONE = "+12025550143"


@pytest.fixture
def terminal(terminal_of: Callable[..., Terminal]) -> Terminal:
    return terminal_of("optouts")


async def hear(outreach: Outreach, *texts: str) -> None:
    apply = ApplyInbox(ledger=outreach.ledger, clock=FixedClock(AT), channels={"fake": FakeChannel()}, lexicon=LEXICON)
    await outreach.receive(*({"event_id": text, "type": "replied", "from": PHONE, "text": text} for text in texts))
    assert await apply() == {"applied": 1}


async def test_a_demand_is_shown_with_its_proof_and_its_words_only_on_record(
    outreach: Outreach, terminal: Terminal
) -> None:
    await outreach.borrower(sms=PHONE)
    await hear(outreach, "please quit texting me")

    (listed,) = await terminal("list")
    assert (listed["borrower"], listed["channel"], listed["scope"]) == ("B-1", "sms", "channel")
    shown = await terminal("show", "B-1")
    (demand,) = shown["demands"]
    assert (demand["rule"], demand["source"], demand["text"]) == ("en.keyword", "replied:fake", None)
    assert shown["opt_outs"][0]["demand_id"] == demand["demand_id"]
    assert await outreach.value("SELECT count(*) FROM events WHERE kind = 'demand.revealed'") == 0

    (revealed,) = (await terminal("show", "B-1", "--reveal"))["demands"]
    assert revealed["text"] == "please quit texting me"
    assert await outreach.value("SELECT actor FROM events WHERE kind = 'demand.revealed'")
    assert "quit texting" not in await terminal.text("show", "B-1")
    assert "quit texting" in await terminal.text("show", "B-1", "--reveal")


async def test_a_question_is_listed_until_somebody_answers_it(outreach: Outreach, terminal: Terminal) -> None:
    await outreach.borrower(sms=PHONE)
    await hear(outreach, "too many messages")
    (question,) = await terminal("questions")
    assert (question["sure"], question["rule"]) == (False, "en.perhaps")
    assert question["hold_id"]
    assert str(question["demand_id"]) in await terminal.text("questions")

    number = str(question["demand_id"])
    assert await terminal("answer", number, "not_meant") == {"demand_id": int(number), "answer": "not_meant"}

    assert await terminal("questions") == []
    assert await terminal("list") == []
    with pytest.raises(InputError, match=f"demand {number}"):
        await terminal("answer", number, "meant")


async def test_an_agent_s_opt_out_has_no_demand(outreach: Outreach, terminal: Terminal) -> None:
    await outreach.borrower(sms=PHONE)
    await terminal("add", "B-1", "--source", "letter")

    shown = await terminal("show", "B-1")
    assert [(one["channel"], one["scope"], one["demand_id"]) for one in shown["opt_outs"]] == [
        (None, "everything", None)
    ]
    assert shown["demands"] == []
