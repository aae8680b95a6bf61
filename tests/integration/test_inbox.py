"""Receipts and replies against the real Postgres: once, forward only, whatever order and company they come in."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from channels.fake import FakeChannel
from channels.health import FakeHealth
from duecourse.domain.clock import FixedClock
from duecourse.domain.message import Capability, Receipt, WebhookRequest
from duecourse.domain.vocabulary import ChannelKind
from duecourse.routing.route import Lane, Route
from duecourse.settings.inbound import load_lexicon
from duecourse.usecases.apply_inbox import ApplyInbox
from duecourse.usecases.report_receipts import ReportReceipts

AT = datetime(2018, 4, 16, 15, tzinfo=UTC)
PHONE = "+12025550143"
LEXICON = load_lexicon(Path(__file__).resolve().parents[2] / "config")
numbers = count(1)


class MailChannel(FakeChannel):
    def __init__(self) -> None:
        super().__init__(name="mail", capability=Capability(channel=ChannelKind.EMAIL, replies=True))


class Poisoned(FakeChannel):
    """Cannot read what holds the word poison."""

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        if b"poison" in request.body:
            raise ValueError("canary text")
        return super().parse(request)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def apply(outreach: Any, clock: FixedClock) -> ApplyInbox:
    channels = {"fake": Poisoned(), "mail": MailChannel()}
    return ApplyInbox(ledger=outreach.ledger, clock=clock, channels=channels, lexicon=LEXICON, batch=3)


def event(
    kind: str, contact: int | None = None, *, number: int = 1, sender: str | None = None, **more: Any
) -> dict[str, Any]:
    named = {"reference": f"{contact}-{number}"} if contact else {}
    return {"event_id": f"e{next(numbers)}", "type": kind, "from": sender, **named, **more}


@pytest.mark.parametrize("state", ["sending", "unknown", "accepted", "assumed_sent", "undelivered", "rejected"])
async def test_a_delivered_receipt_delivers_from_every_state_that_may_have_been_sent(
    state: str, outreach: Any, apply: ApplyInbox
) -> None:
    contact = await outreach.contact(await outreach.borrower(), state)
    await outreach.receive(event("delivered", contact, message_id="m1"))

    assert await apply() == {"applied": 1}

    assert await outreach.state(contact) == "delivered"
    assert await outreach.kinds(contact) == ["contact.delivered"]
    assert await outreach.value("SELECT provider_message_id FROM attempts WHERE contact_id = %s", contact) == "m1"


async def test_a_receipt_for_what_was_judged_unsent_counts_against_the_budget_after_all(
    outreach: Any, apply: ApplyInbox
) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower, "planned")
    await outreach.attempt(contact, borrower, counted=False)
    await outreach.receive(event("delivered", contact))

    await apply()

    assert await outreach.state(contact) == "delivered"
    assert await outreach.value("SELECT counted FROM attempts WHERE contact_id = %s", contact) is True


async def test_a_receipt_that_came_in_time_is_reported_once_for_its_provider(
    outreach: Any, apply: ApplyInbox, clock: FixedClock
) -> None:
    health = FakeHealth()
    route = Route(channel=ChannelKind.SMS, lanes=(Lane(provider="fake"), Lane(provider="other")))
    reporting = replace(apply, report=ReportReceipts(health=health, routes={ChannelKind.SMS: route}))
    contact = await outreach.contact(await outreach.borrower())
    await outreach.receive(event("delivered", contact))
    await reporting()
    await outreach.receive(event("read", contact))
    await reporting()

    assert {name: dict(seen) for name, seen in health.seen.items()} == {"fake": {"timely": 1}}


async def test_a_doubled_receipt_is_applied_once(outreach: Any, apply: ApplyInbox) -> None:
    contact = await outreach.contact(await outreach.borrower())
    same = event("delivered", contact)
    await outreach.receive(same, same)
    await outreach.receive(same, event("read", contact))

    await apply()

    assert await outreach.kinds(contact) == ["contact.delivered", "contact.read"]
    assert await outreach.value("SELECT count(*) FROM receipts WHERE contact_id = %s", contact) == 2


async def test_the_same_call_twice_is_one_row(outreach: Any) -> None:
    same = event("delivered", 7)

    assert await outreach.receive(same) is not None
    assert await outreach.receive(same) is None
    assert await outreach.value("SELECT count(*) FROM inbox") == 1


async def test_delivered_stays_whatever_comes_after(outreach: Any, apply: ApplyInbox) -> None:
    contact = await outreach.contact(await outreach.borrower())
    await outreach.receive(event("delivered", contact))
    await outreach.receive(event("undelivered", contact, code="late"), event("delivered", contact))

    await apply()

    assert await outreach.state(contact) == "delivered"
    assert await outreach.kinds(contact) == ["contact.delivered", "receipt.ignored", "receipt.ignored"]


async def test_undelivered_plans_the_next_channel_and_a_late_delivery_still_counts(
    outreach: Any, apply: ApplyInbox
) -> None:
    borrower = await outreach.borrower(sms=PHONE, email="ada@example.com")
    contact = await outreach.contact(borrower, onward=["email"])
    await outreach.receive(event("undelivered", contact, code="30003"))
    await apply()

    planned = await outreach.rows("SELECT channel, step FROM contacts WHERE state = 'planned'")
    assert planned == [("email", 2)]
    assert await outreach.value("SELECT reason FROM contacts WHERE contact_id = %s", contact) == "30003"

    await outreach.receive(event("delivered", contact))
    await apply()
    assert await outreach.state(contact) == "delivered"


async def test_both_words_in_one_call_plan_nothing_more(outreach: Any, apply: ApplyInbox) -> None:
    borrower = await outreach.borrower(sms=PHONE, email="ada@example.com")
    contact = await outreach.contact(borrower, onward=["email"])
    await outreach.receive(event("undelivered", contact), event("delivered", contact))

    await apply()

    assert await outreach.value("SELECT count(*) FROM contacts") == 1
    assert await outreach.kinds(contact) == ["contact.undelivered", "contact.delivered"]


async def test_an_undelivered_earlier_try_does_not_end_the_latest(outreach: Any, apply: ApplyInbox) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower, "sending")
    await outreach.attempt(contact, borrower, number=2)
    await outreach.receive(event("undelivered", contact, number=1))

    await apply()

    assert await outreach.state(contact) == "sending"
    assert await outreach.kinds(contact) == ["receipt.ignored"]


async def test_calls_with_one_key_count_as_one(outreach: Any, apply: ApplyInbox) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower, "sending")
    await outreach.attempt(contact, borrower, number=2, kind="recall", key=f"{contact}-1")
    await outreach.receive(event("undelivered", contact, number=1))

    await apply()

    assert await outreach.state(contact) == "undelivered"


async def test_a_receipt_of_another_provider_moves_nothing(outreach: Any, apply: ApplyInbox) -> None:
    contact = await outreach.contact(await outreach.borrower())
    await outreach.receive(event("delivered", contact), provider="mail")

    await apply()

    assert await outreach.state(contact) == "accepted"
    assert await outreach.value("SELECT kind FROM events") == "receipt.unmatched"


async def test_a_receipt_of_an_unknown_message_is_recorded_and_done_with(outreach: Any, apply: ApplyInbox) -> None:
    await outreach.receive(event("delivered", 1711), event("delivered"), event("delivered", reference="'; --"))

    assert await apply() == {"applied": 1}

    assert await outreach.rows("SELECT kind FROM events") == [("receipt.unmatched",)] * 3
    assert await outreach.value("SELECT count(*) FROM inbox WHERE processed_at IS NULL") == 0


async def test_a_message_id_finds_its_attempt(outreach: Any, apply: ApplyInbox) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower, "released")
    await outreach.attempt(contact, borrower, message="m9")
    await outreach.receive(event("delivered", message_id="m9"))

    await apply()

    assert await outreach.state(contact) == "delivered"


async def test_a_receipt_that_overtakes_its_message_id_waits_for_it(
    outreach: Any, apply: ApplyInbox, clock: FixedClock
) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower, "sending")
    await outreach.receive(event("delivered", message_id="m9"), event("read", contact))

    assert await apply() == {"waiting": 1}
    # What a receipt that names both tells, the next one by the id alone is found by.
    await outreach.receive(event("read", contact, message_id="m9"))
    assert await apply() == {"applied": 1, "waiting": 1}
    assert await apply() == {"applied": 1}

    assert await outreach.state(contact) == "delivered"


async def test_receipts_name_a_message_once_however_many_tell_its_id(outreach: Any, apply: ApplyInbox) -> None:
    contact = await outreach.contact(await outreach.borrower(), "accepted")
    for kind in ("delivered", "read"):
        await outreach.receive(event(kind, contact, message_id="m1"))
        await outreach.rows("UPDATE attempts SET counted = false RETURNING 1")
        await apply()

    assert await outreach.rows("SELECT contact_id, number, message_id FROM messages") == [(contact, 1, "m1")]


async def test_a_message_id_that_never_becomes_known_is_given_up(
    outreach: Any, apply: ApplyInbox, clock: FixedClock
) -> None:
    await outreach.receive(event("delivered", message_id="nobody"))
    await apply()
    clock.set(AT + timedelta(seconds=61))

    assert await apply() == {"applied": 1}
    assert await outreach.value("SELECT kind FROM events") == "receipt.unmatched"


@pytest.mark.parametrize("matched", [True, False])
async def test_stop_ends_the_channel_at_once(matched: bool, outreach: Any, apply: ApplyInbox) -> None:  # noqa: FBT001
    borrower = await outreach.borrower(sms=PHONE, email="ada@example.com")
    answered = await outreach.contact(borrower)
    pending = [await outreach.contact(borrower, state) for state in ("planned", "released")]
    other = await outreach.contact(borrower, "planned", channel="email")
    reply = event("replied", answered if matched else None, text=" Stop! ", sender=PHONE)
    await outreach.receive(reply)

    await apply()

    assert await outreach.rows("SELECT borrower_id, channel, source FROM opt_outs") == [
        (borrower, "sms", "replied:fake")
    ]
    assert [await outreach.state(contact) for contact in pending] == ["suppressed", "suppressed"]
    assert await outreach.kinds(pending[0]) == ["contact.suppressed"]
    assert await outreach.state(other) == "planned"
    assert await outreach.state(answered) == ("delivered" if matched else "accepted")
    assert await outreach.value("SELECT count(*) FROM events WHERE kind = 'optout.added'") == 1


async def test_stop_from_a_shared_number_stops_everybody_behind_it(outreach: Any, apply: ApplyInbox) -> None:
    both = [await outreach.borrower(sms=PHONE), await outreach.borrower(sms=PHONE)]
    await outreach.borrower(sms="+12025550144")
    await outreach.receive(event("replied", text="退订", sender="+1 (202) 555-0143"))

    await apply()

    assert await outreach.rows("SELECT borrower_id FROM opt_outs ORDER BY 1") == [(borrower,) for borrower in both]


async def test_an_answer_that_is_no_stop_is_recorded_and_stops_nothing(outreach: Any, apply: ApplyInbox) -> None:
    contact = await outreach.contact(await outreach.borrower(sms=PHONE))
    await outreach.receive(event("replied", contact, text="I paid on Tuesday", sender=PHONE))
    await outreach.receive(event("replied", text="hello?", sender=PHONE))

    await apply()

    assert await outreach.value("SELECT count(*) FROM opt_outs") == 0
    assert await outreach.kinds(contact) == ["contact.replied", "contact.delivered"]
    assert await outreach.value("SELECT count(*) FROM events WHERE kind = 'borrower.replied'") == 1


async def test_a_complaint_and_a_provider_s_opt_out_end_the_channel(outreach: Any, apply: ApplyInbox) -> None:
    first = await outreach.contact(await outreach.borrower())
    second = await outreach.contact(await outreach.borrower())
    await outreach.receive(event("complained", first), event("opted_out", second))

    await apply()

    assert await outreach.rows("SELECT source FROM opt_outs ORDER BY 1") == [("complained:fake",), ("opted_out:fake",)]
    assert (await outreach.state(first), await outreach.state(second)) == ("delivered", "accepted")


async def test_a_dead_address_is_flagged_by_what_was_sent_to_it(outreach: Any, apply: ApplyInbox) -> None:
    borrower = await outreach.borrower(sms=PHONE, email="ada@example.com")
    contact = await outreach.contact(borrower, onward=["sms"])
    await outreach.receive(event("undelivered", contact, code="invalid_address"))

    await apply()

    flagged = await outreach.rows("SELECT channel FROM contact_points WHERE invalid_since IS NOT NULL")
    assert flagged == [("sms",)]
    assert "contact_point.invalidated" in await outreach.kinds(contact)


async def test_a_call_that_cannot_be_read_never_blocks_the_others_and_is_set_aside(
    outreach: Any, apply: ApplyInbox
) -> None:
    contacts = [await outreach.contact(await outreach.borrower()) for _ in range(4)]
    for contact in contacts:
        await outreach.receive(
            event("delivered", contact), event("read", text="poison") if contact == contacts[1] else {}
        )

    assert await apply() == {"applied": 3, "failed": 1}
    for _ in range(4):
        assert (await apply())["failed"] == 1
    assert await apply() == {}

    assert [await outreach.state(contact) for contact in contacts] == [
        "delivered",
        "accepted",
        "delivered",
        "delivered",
    ]
    assert await outreach.rows("SELECT tries, result FROM inbox WHERE result = 'failed'") == [(5, "failed")]
    (data,) = await outreach.rows("SELECT data FROM events WHERE kind = 'inbox.set_aside'")
    assert data[0]["error"] == "ValueError"
    assert "canary" not in json.dumps(data)


async def test_a_call_whose_seal_is_broken_is_set_aside(outreach: Any, apply: ApplyInbox) -> None:
    await outreach.receive(event("delivered", 7))
    await outreach.rows("UPDATE inbox SET event_key = 'moved' RETURNING 1")
    for _ in range(5):
        await apply()

    assert await outreach.value("SELECT data ->> 'error' FROM events") == "SealBroken"


async def test_a_call_of_a_provider_that_is_gone_is_set_aside(outreach: Any, apply: ApplyInbox) -> None:
    await outreach.receive(event("delivered", 7), provider="gone")
    for _ in range(5):
        await apply()

    assert await outreach.value("SELECT data ->> 'provider' FROM events") == "gone"


async def test_several_workers_apply_everything_once(outreach: Any, apply: ApplyInbox) -> None:
    contacts = [await outreach.contact(await outreach.borrower()) for _ in range(8)]
    events = [event(kind, contact) for contact in contacts for kind in ("undelivered", "delivered", "read")]
    for start in range(len(events)):
        await outreach.receive(*events[start::7], *events[:start:5])

    await asyncio.gather(*(apply() for _ in range(4)))
    await apply()

    assert {await outreach.state(contact) for contact in contacts} == {"delivered"}
    assert await outreach.value("SELECT count(*) FROM receipts") == len(events)
    assert await outreach.value("SELECT count(*) FROM events WHERE kind = 'contact.delivered'") == len(contacts)
    assert await outreach.value("SELECT count(*) FROM inbox WHERE processed_at IS NULL") == 0


async def test_two_first_calls_at_once_share_one_key(outreach: Any) -> None:
    await asyncio.gather(*(outreach.receive(event("delivered", number)) for number in range(6)))

    assert await outreach.value("SELECT count(*) FROM data_keys WHERE purpose = 'inbox'") == 1
    assert await outreach.value("SELECT count(*) FROM inbox") == 6


async def test_what_was_said_is_stored_sealed_and_never_told(outreach: Any, apply: ApplyInbox) -> None:
    contact = await outreach.contact(await outreach.borrower(sms=PHONE))
    await outreach.receive(
        event("replied", contact, text="CANARY words", code="CANARY sentence with words", sender=PHONE)
    )
    await apply()

    told = await outreach.rows("SELECT data::text FROM events")
    kept = bytes(await outreach.value("SELECT raw_sealed FROM inbox"))
    assert "CANARY" not in str(told)
    assert PHONE not in str(told)
    assert b"CANARY" not in kept
    assert '"code": "unlisted"' in told[0][0]
