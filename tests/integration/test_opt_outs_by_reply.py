"""From a stored reply to silence, proof and one confirmation, on a real Postgres, in whatever order replies come in."""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest

from channels.fake import FakeChannel
from duecourse.domain.clock import FixedClock
from duecourse.domain.demand import Answer, Intent, Scope
from duecourse.domain.errors import InputError
from duecourse.domain.message import Outcome
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass
from duecourse.settings.inbound import load_lexicon
from duecourse.usecases.answer_demand import answer_demand, list_demands, reveal_demands
from duecourse.usecases.apply_inbox import ApplyInbox
from duecourse.usecases.opt_out import opt_in
from duecourse.usecases.opt_out_by_link import OptOutByLink
from tests.integration.conftest import AT, Outreach
from tests.pipeline import World, rung
from tests.seed import Person, seed

PHONE, OTHER = "+12025550143", "+12025550144"
LEXICON = load_lexicon(Path(__file__).resolve().parents[2] / "config")
numbers = count(1)


def reply(text: str, *, at: datetime | None = None, sender: str = PHONE, **more: Any) -> dict[str, Any]:
    said = {"at": at.isoformat()} if at else {}
    return {"event_id": f"r{next(numbers)}", "type": "replied", "from": sender, "text": text, **said, **more}


@dataclass
class Desk:
    """Replies in, and what became of them."""

    outreach: Outreach
    clock: FixedClock
    apply: ApplyInbox

    async def hear(self, *events: dict[str, Any]) -> None:
        await self.outreach.receive(*events)
        await self.apply()

    async def silent(self) -> list[tuple[int, str | None, str]]:
        rows = await self.outreach.rows(
            "SELECT borrower_id, channel, scope FROM opt_outs WHERE revoked_at IS NULL ORDER BY opt_out_id"
        )
        return [tuple(row) for row in rows]

    async def demands(self) -> list[tuple[str, str, bool]]:
        return [tuple(row) for row in await self.outreach.rows("SELECT intent, scope, sure FROM demands ORDER BY 1, 2")]

    async def confirmations(self) -> list[tuple[int, str, str]]:
        rows = await self.outreach.rows(
            "SELECT borrower_id, channel, state FROM contacts WHERE cadence = 'opt-out' ORDER BY contact_id"
        )
        return [tuple(row) for row in rows]

    async def holds(self) -> list[tuple[int, str]]:
        rows = await self.outreach.rows("SELECT borrower_id, channel FROM holds WHERE released_at IS NULL")
        return [tuple(row) for row in rows]

    async def consents(self) -> list[str]:
        rows = await self.outreach.rows("SELECT consent FROM contact_points ORDER BY contact_point_id")
        return [row[0] for row in rows]


@pytest.fixture
def desk(outreach: Outreach) -> Desk:
    clock = FixedClock(AT)
    apply = ApplyInbox(ledger=outreach.ledger, clock=clock, channels={"fake": FakeChannel()}, lexicon=LEXICON)
    return Desk(outreach, clock, apply)


async def test_a_demand_in_words_silences_its_channel_in_one_transaction(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE, email="ada@example.com")
    pending = [await desk.outreach.contact(borrower, state) for state in ("planned", "released")]
    other = await desk.outreach.contact(borrower, "planned", channel="email")

    await desk.hear(reply("please quit texting me"))

    assert await desk.silent() == [(borrower, "sms", "channel")]
    assert [await desk.outreach.state(contact) for contact in pending] == ["suppressed", "suppressed"]
    assert await desk.outreach.state(other) == "planned"
    assert await desk.confirmations() == [(borrower, "sms", "planned")]
    same = await desk.outreach.value(
        "SELECT count(DISTINCT xmin) FROM (SELECT xmin::text FROM demands UNION SELECT xmin::text FROM opt_outs"
        " UNION SELECT xmin::text FROM events WHERE kind IN ('optout.added', 'contact.suppressed', 'demand.recorded')"
        " UNION SELECT xmin::text FROM contacts WHERE state = 'suppressed' OR cadence = 'opt-out') t (xmin)"
    )
    assert same == 1


@pytest.mark.parametrize(("text", "scope"), [("stop contacting me", "sender"), ("停止一切联系", "everything")])
async def test_a_wider_demand_silences_every_channel(desk: Desk, text: str, scope: str) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE, email="ada@example.com")
    other = await desk.outreach.contact(borrower, "planned", channel="email")

    await desk.hear(reply("STOP"), reply(text))

    assert await desk.silent() == [(borrower, "sms", "channel"), (borrower, None, scope)]
    assert await desk.outreach.state(other) == "suppressed"
    assert await desk.confirmations() == [(borrower, "sms", "planned")]


async def test_of_two_demands_about_every_channel_the_wider_counts(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("stop contacting me"))
    await desk.hear(reply("cease all communication with me"))
    await desk.hear(reply("leave me alone"))

    assert await desk.silent() == [(borrower, None, "everything")]
    assert await desk.outreach.value("SELECT count(*) FROM events WHERE kind = 'optout.widened'") == 1


async def test_a_doubled_reply_is_one_demand_and_one_confirmation(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    same = reply("STOP")

    await desk.hear(same, same)
    await desk.hear(same, reply("退订"))
    await asyncio.gather(desk.hear(reply("stop!")), desk.hear(reply("STOP please")))

    assert await desk.silent() == [(borrower, "sms", "channel")]
    assert await desk.demands() == [("stop", "channel", True)] * 4
    assert await desk.confirmations() == [(borrower, "sms", "planned")]


async def test_an_address_that_two_share_is_silenced_for_both_and_answered_once(desk: Desk) -> None:
    both = [await desk.outreach.borrower(sms=PHONE), await desk.outreach.borrower(sms=PHONE)]
    await desk.outreach.borrower(sms=OTHER)

    await desk.hear(reply("STOP", sender="+1 (202) 555-0143"))

    assert await desk.silent() == [(borrower, "sms", "channel") for borrower in both]
    assert await desk.confirmations() == [(both[0], "sms", "planned")]


async def test_a_wrong_number_silences_the_address_and_leaves_the_borrower_s_others(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE, email="ada@example.com")

    await desk.hear(reply("wrong number"))

    assert await desk.silent() == []
    assert await desk.consents() == ["withdrawn", "granted"]
    assert await desk.confirmations() == []
    assert await desk.outreach.value("SELECT rule FROM suppressed_addresses") == "en.wrong-number"
    assert await desk.outreach.value("SELECT borrower_id FROM events WHERE kind = 'consent.withdrawn'") == borrower


async def test_words_that_are_not_sure_hold_their_channel_until_a_person_has_answered(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("too many messages"), reply("I am sick of these texts"))

    assert await desk.silent() == []
    assert await desk.holds() == [(borrower, "sms")]
    assert await desk.confirmations() == []
    first, second = await list_demands(None, unanswered=True, limit=9, ledger=desk.outreach.ledger)
    answered: dict[str, Any] = {"ledger": desk.outreach.ledger, "clock": desk.clock, "actor": "cli:test"}
    await answer_demand(first.demand_id, Answer.NOT_MEANT, **answered)
    assert await desk.holds() == [(borrower, "sms")]
    await answer_demand(second.demand_id, Answer.MEANT, **answered)

    assert await desk.holds() == []
    assert await desk.silent() == [(borrower, "sms", "channel")]
    with pytest.raises(InputError, match="waits for an answer"):
        await answer_demand(second.demand_id, Answer.NOT_MEANT, **answered)


async def test_nobody_is_asked_about_what_is_silent_anyway(desk: Desk) -> None:
    await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("STOP"), reply("too many messages"))

    assert await desk.holds() == []
    assert await desk.demands() == [("stop", "channel", True)]


async def test_a_start_takes_the_stop_of_its_channel_back_with_proof(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("STOP"))
    await desk.hear(reply("START"))

    assert await desk.silent() == []
    assert await desk.consents() == ["granted"]
    assert await desk.outreach.value("SELECT consent_source FROM contact_points") == "replied:fake"
    assert await desk.outreach.value("SELECT count(*) FROM suppressed_addresses WHERE lifted_at IS NULL") == 0
    assert await desk.outreach.value("SELECT borrower_id FROM events WHERE kind = 'consent.granted'") == borrower
    assert await desk.demands() == [("start", "channel", True), ("stop", "channel", True)]


@pytest.mark.parametrize("text", ["please start texting me again", "yes", "ok you may write"])
async def test_consent_is_never_inferred(desk: Desk, text: str) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("STOP"))
    await desk.hear(reply(text))

    assert await desk.silent() == [(borrower, "sms", "channel")]


async def test_a_start_from_a_shared_address_is_a_question(desk: Desk) -> None:
    for _ in range(2):
        await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("STOP"))
    await desk.hear(reply("START"))

    assert len(await desk.silent()) == 2
    questions = await list_demands(None, unanswered=True, limit=9, ledger=desk.outreach.ledger)
    assert [(one.intent, one.hold_id) for one in questions] == [(Intent.START, None)] * 2
    await answer_demand(
        questions[0].demand_id, Answer.MEANT, ledger=desk.outreach.ledger, clock=desk.clock, actor="cli:test"
    )
    assert len(await desk.silent()) == 1


async def test_a_start_takes_no_wider_demand_back(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("stop contacting me"))
    await desk.hear(reply("START"))

    assert await desk.silent() == [(borrower, None, "sender")]
    assert len(await list_demands(None, unanswered=True, limit=9, ledger=desk.outreach.ledger)) == 1


async def test_a_start_that_was_said_before_the_stop_and_comes_in_after_it_takes_nothing_back(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    stop = reply("STOP", at=AT - timedelta(minutes=1))
    await desk.hear(stop)
    await desk.hear(reply("START", at=AT - timedelta(minutes=2)))

    assert await desk.silent() == [(borrower, "sms", "channel")]


async def test_replies_of_one_call_are_heeded_in_the_order_in_which_they_were_said(desk: Desk) -> None:
    await desk.outreach.borrower(sms=PHONE)
    await desk.hear(
        reply("START", at=AT - timedelta(minutes=1)),
        reply("STOP", at=AT - timedelta(minutes=2)),
    )
    assert await desk.silent() == []


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_in_whatever_order_replies_come_in_a_stop_that_was_said_last_holds(
    desk: Desk, order: tuple[int, ...]
) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    said = [reply(text, at=AT - timedelta(minutes=3 - place)) for place, text in enumerate(("stop", "START", "STOP"))]
    for place in order:
        await desk.hear(said[place])
        await desk.hear(said[place])

    assert await desk.silent() == [(borrower, "sms", "channel")]
    assert await desk.confirmations() == [(borrower, "sms", "planned")]


async def test_a_late_stop_counts_whatever_was_said_after_it(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("START", at=AT - timedelta(minutes=1)))
    await desk.hear(reply("STOP", at=AT - timedelta(minutes=2)))

    assert await desk.silent() == [(borrower, "sms", "channel")]


@pytest.mark.parametrize("late", ["said", "received"])
async def test_what_comes_in_late_is_carried_out_and_not_confirmed(desk: Desk, late: str) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    earlier = AT - timedelta(minutes=6)
    event = reply("STOP", at=earlier) if late == "said" else reply("STOP")
    await desk.outreach.receive(event, at=AT if late == "said" else earlier)
    await desk.apply()

    assert await desk.silent() == [(borrower, "sms", "channel")]
    assert await desk.confirmations() == []
    assert await desk.outreach.value("SELECT data ->> 'reason' FROM events WHERE kind = 'optout.unconfirmed'") == "late"


@pytest.mark.parametrize("kind", ["opted_out", "complained"])
async def test_what_the_provider_took_and_what_was_a_complaint_is_not_confirmed(desk: Desk, kind: str) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear({"event_id": "e", "type": kind, "from": PHONE, "text": "STOP"})

    assert await desk.silent() == [(borrower, "sms", "channel")]
    assert await desk.demands() == [("stop", "channel", True)]
    assert await desk.confirmations() == []


async def test_the_proof_is_sealed_revealed_on_record_and_outlives_its_words(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("STOP CANARY, cease all contact"))
    ledger, name = desk.outreach.ledger, f"B-{1}"

    (told,) = await list_demands(name, limit=9, ledger=ledger)
    assert (told.text, told.scope, told.rule, told.source) == (None, Scope.EVERYTHING, "en.cease", "replied:fake")
    assert told.digest
    assert told.contact_point
    assert told.digest != hashlib.sha256(b"STOP CANARY, cease all contact").hexdigest()
    (seen,) = await reveal_demands(name, limit=9, ledger=ledger, clock=desk.clock, actor="cli:test")
    assert seen.text == "STOP CANARY, cease all contact"
    assert "CANARY" not in repr(seen)
    assert await desk.outreach.value("SELECT borrower_id FROM events WHERE kind = 'demand.revealed'") == borrower
    kept = await desk.outreach.rows("SELECT data::text FROM events UNION SELECT text_sealed::text FROM demands")
    assert "CANARY" not in str(kept)
    assert PHONE not in str(kept)

    await desk.outreach.rows("DELETE FROM data_keys WHERE purpose = 'borrower' RETURNING 1")
    (left,) = await reveal_demands(name, limit=9, ledger=ledger, clock=desk.clock, actor="cli:test")
    assert (left.text, left.digest, left.rule) == (None, told.digest, "en.cease")


async def test_a_demand_is_never_rewritten(desk: Desk) -> None:
    await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("STOP"))
    for attack in ("UPDATE demands SET scope = 'address' RETURNING 1", "DELETE FROM demands RETURNING 1"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await desk.outreach.rows(attack)


async def test_a_borrower_whose_key_is_gone_is_silenced_without_words(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE)
    await desk.outreach.rows("DELETE FROM data_keys WHERE purpose = 'borrower' RETURNING 1")
    await desk.hear(reply("STOP"))

    assert await desk.silent() == [(borrower, "sms", "channel")]
    assert await desk.outreach.value("SELECT text_sealed FROM demands") is None


async def test_a_link_is_a_demand_with_proof_and_no_confirmation(desk: Desk) -> None:
    borrower = await desk.outreach.borrower(sms=PHONE, email="ada@example.com")
    contact = await desk.outreach.contact(borrower, channel="email")
    follow = OptOutByLink(ledger=desk.outreach.ledger, clock=desk.clock)

    assert await follow(contact)
    assert await follow(contact)

    assert await desk.silent() == [(borrower, "email", "channel")]
    assert await desk.outreach.rows("SELECT rule, event_key FROM demands") == [("link", str(contact))]
    assert await desk.confirmations() == []


async def test_an_agent_s_word_lifts_what_it_silenced(desk: Desk) -> None:
    await desk.outreach.borrower(sms=PHONE)
    await desk.hear(reply("STOP"))
    ledger = desk.outreach.ledger
    assert await opt_in("B-1", ChannelKind.SMS, ledger=ledger, clock=desk.clock, actor="cli:test")

    assert await desk.outreach.value("SELECT count(*) FROM suppressed_addresses WHERE lifted_at IS NULL") == 0


async def stop_by_reply(world: World, text: str) -> None:
    outreach = Outreach(world.ledger)
    apply = ApplyInbox(ledger=world.ledger, clock=world.clock, channels={"fake": world.channel}, lexicon=LEXICON)
    await outreach.receive(reply(text, sender="+12125550100"), at=world.clock.times.lease)
    assert await apply() == {"applied": 1}


async def test_the_confirmation_leaves_once_through_the_gate_and_the_delivery(world: World) -> None:
    await seed(world.ledger, Person(points={"sms": "+12125550100"}))
    world.channel.answer = None
    await world.deliver()
    await stop_by_reply(world, "STOP")
    await stop_by_reply(world, "please stop texting me")

    for _ in range(3):
        await world.deliver()

    rows = await world.rows("SELECT cadence, state FROM contacts ORDER BY contact_id")
    assert ("opt-out", "accepted") in rows
    assert len(world.channel.sent) == 2
    assert world.channel.sent[-1].to == "+12125550100"
    [(purpose,)] = await world.rows(
        "SELECT e.data -> 'verdict' -> 'facts' ->> 'purpose' FROM events e JOIN contacts c USING (contact_id)"
        " WHERE c.cadence = 'opt-out' AND e.kind = 'contact.sending'"
    )
    assert purpose == "confirm_stop"


async def test_a_provider_that_refuses_for_an_opt_out_is_its_proof(world: World) -> None:
    await seed(world.ledger, Person(points={"sms": "+12125550100"}))
    world.channel.answer = lambda _: Outcome(kind=OutcomeClass.REJECTED, code="21610", opted_out=True)
    await world.deliver()

    assert await world.rows("SELECT channel, scope FROM opt_outs") == [("sms", "channel")]
    [(rule, source, proved)] = await world.rows(
        "SELECT rule, d.source, o.demand_id IS NOT NULL FROM demands d LEFT JOIN opt_outs o USING (demand_id)"
    )
    assert (rule, source, proved) == ("provider-refusal", "refused:fake", True)
    assert await world.rows("SELECT count(*) FROM suppressed_addresses") == [(1,)]
    assert await world.rows("SELECT count(*) FROM events WHERE kind = 'optout.added'") == [(1,)]
    assert await world.rows("SELECT count(*) FROM contacts WHERE cadence = 'opt-out'") == [(0,)]


async def test_no_confirmation_leaves_at_night(world: World) -> None:
    await seed(world.ledger, Person(points={"sms": "+12125550100"}))
    world.channel.answer = None
    world.later(hours=13)
    await world.plan()
    await stop_by_reply(world, "STOP")
    await world.deliver()

    assert world.channel.sent == []
    assert await world.rows("SELECT state FROM contacts WHERE cadence = 'opt-out'") == [("suppressed",)]


async def test_a_held_channel_is_suppressed_and_another_is_not(world: World) -> None:
    await seed(world.ledger, Person(points={"sms": "+12125550100"}))
    world.channel.answer = None
    world.rungs = (replace(rung(), channels=(ChannelKind.SMS,)),)
    await world.plan()
    await stop_by_reply(world, "too many messages")
    await world.deliver()

    assert world.channel.sent == []
    assert await world.rows("SELECT state, reason FROM contacts") == [("suppressed", "hold")]
    await world.rows("UPDATE holds SET channel = 'email' RETURNING 1")
    await world.rows("UPDATE contacts SET rung = 'earlier' RETURNING 1")
    await world.deliver()
    assert len(world.channel.sent) == 1
