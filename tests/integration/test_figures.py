"""The metrics tell what the ledger knows, per channel and reason, and of no borrower."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duecourse.domain.clock import FixedClock, Times
from duecourse.domain.event import Event
from duecourse.ledger.figures import LATENCY_BOUNDS
from duecourse.web.metrics import Figures, Meter

AT = datetime(2018, 4, 16, 15, tzinfo=UTC)
READY = 'state="ready"'


class Tick:
    """A monotonic clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def tick() -> Tick:
    return Tick()


@pytest.fixture
def meter(outreach: Any, clock: FixedClock, tick: Tick) -> Meter:
    return Meter(Figures(ledger=outreach.ledger, clock=clock, monotonic=tick))


@pytest.fixture
def look(meter: Meter, clock: FixedClock, tick: Tick) -> Any:
    """The metrics a minute later."""

    async def look() -> str:
        clock.set(clock.times.business + timedelta(minutes=1))
        tick.now += 60
        return (await meter.expose()).decode()

    return look


async def happen(outreach: Any, contact: int, borrower: int, *kinds: str, at: datetime = AT, **data: Any) -> None:
    async with outreach.ledger.transaction() as tx:
        for place, kind in enumerate(kinds):
            moment = at + timedelta(seconds=2 * place)
            await tx.events.append(
                Times(business=moment, lease=moment),
                "test",
                [Event(kind=kind, contact_id=contact, borrower_id=borrower, data=data)],
            )


async def test_queues_tell_how_much_waits_and_how_long(outreach: Any, look: Any) -> None:
    borrower = await outreach.borrower()
    for state in ("planned", "planned", "released", "sending", "unknown", "accepted", "cancelled"):
        await outreach.contact(borrower, state)
    await outreach.contact(borrower, "planned", channel="email")
    await outreach.rows("UPDATE contacts SET released_at = %s WHERE state = 'released' RETURNING 1", AT)

    text = await look()

    assert 'duecourse_queue_contacts{channel="sms",state="ready"} 2.0' in text
    assert 'duecourse_queue_contacts{channel="email",state="ready"} 1.0' in text
    for state in ("released", "sending", "unknown"):
        assert f'duecourse_queue_contacts{{channel="sms",state="{state}"}} 1.0' in text
        assert f'duecourse_queue_oldest_seconds{{channel="sms",state="{state}"}} 60.0' in text
    assert "accepted" not in text


async def test_what_is_not_due_yet_does_not_wait(outreach: Any, look: Any) -> None:
    await outreach.contact(await outreach.borrower(), "planned")
    later = AT + timedelta(hours=2)
    await outreach.rows("UPDATE contacts SET not_before = %s RETURNING 1", later)

    assert READY not in await look()


async def test_outcomes_and_reasons_are_counted_from_the_start(outreach: Any, look: Any) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower)
    await happen(outreach, contact, borrower, "contact.accepted", provider="p", outcome="accepted", at=AT)
    await look()
    now = AT + timedelta(minutes=1)
    await happen(outreach, contact, borrower, "contact.accepted", provider="p", outcome="accepted", at=now)
    await happen(outreach, contact, borrower, "contact.postponed", provider="p", outcome="throttled", code="x", at=now)
    verdict = {"decision": "suppress", "rules": ["opted-out", "other-rule"]}
    await happen(outreach, contact, borrower, "contact.suppressed", verdict=verdict, at=now)
    weekly = {"decision": "defer", "rules": ["cn.contacts.7d", "house.contacts.week"]}
    await happen(outreach, contact, borrower, "contact.deferred", verdict=weekly, at=now)
    await happen(outreach, contact, borrower, "contact.expired", reason="30003: Ada did not answer", at=now)

    text = await look()

    assert 'duecourse_outcomes_total{channel="sms",outcome="accepted",provider="p"} 1.0' in text
    assert 'duecourse_outcomes_total{channel="sms",outcome="throttled",provider="p"} 1.0' in text
    assert 'duecourse_withheld_total{channel="sms",reason="opted-out",state="suppressed"} 1.0' in text
    assert 'duecourse_withheld_total{channel="sms",reason="cn.contacts.7d",state="deferred"} 1.0' in text
    assert 'duecourse_withheld_total{channel="sms",reason="other",state="expired"} 1.0' in text
    assert 'duecourse_contact_events_total{channel="sms",event="contact.postponed"} 1.0' in text
    assert "Ada" not in text


async def test_every_event_is_counted_once_over_many_readings(outreach: Any, look: Any) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower)
    await look()
    for minute in range(1, 6):
        # On the edge of a reading: its span ends five seconds before it.
        edge = AT + timedelta(minutes=2 * minute, seconds=-5)
        await happen(outreach, contact, borrower, "contact.read", at=edge)
        text = await look()
        await look()

    assert 'duecourse_contact_events_total{channel="sms",event="contact.read"} 5.0' in text


async def test_latencies_tell_each_stage(outreach: Any, look: Any) -> None:
    borrower = await outreach.borrower()
    contact = await outreach.contact(borrower)
    await look()
    now = AT + timedelta(seconds=58)
    stages = ("contact.released", "contact.accepted", "contact.delivered")
    await happen(outreach, contact, borrower, *stages, at=now)
    # A second release is a retry: late on purpose.
    await happen(outreach, contact, borrower, "contact.released", at=now + timedelta(seconds=40))

    text = await look()
    text = await look()

    for stage, seconds in (("due_to_released", 58), ("released_to_accepted", 2), ("accepted_to_delivered", 2)):
        labels = f'channel="sms",stage="{stage}"'
        assert f"duecourse_contact_latency_seconds_count{{{labels}}} 1.0" in text
        assert f"duecourse_contact_latency_seconds_sum{{{labels}}} {float(seconds)}" in text
        below = max((bound for bound in LATENCY_BOUNDS if bound < seconds), default=0)
        above = min(bound for bound in LATENCY_BOUNDS if bound >= seconds)
        assert f'channel="sms",le="{below}",stage="{stage}"}} 0.0' in text
        assert f'channel="sms",le="{above}",stage="{stage}"}} 1.0' in text


async def test_fresh_figures_are_not_read_again(outreach: Any, meter: Meter, tick: Tick) -> None:
    await meter.expose()
    await outreach.contact(await outreach.borrower(), "planned")

    assert READY not in (await meter.expose()).decode()
    tick.now += 5.1
    assert READY in (await meter.expose()).decode()


async def test_the_inbox_tells_what_waits_and_what_was_set_aside(outreach: Any, look: Any) -> None:
    for number in range(3):
        await outreach.receive({"event_id": f"e{number}"})
    await outreach.rows("UPDATE inbox SET result = 'failed', processed_at = %s WHERE inbox_id = 1 RETURNING 1", AT)

    text = await look()

    assert "duecourse_inbox_waiting 2.0" in text
    assert "duecourse_inbox_set_aside 1.0" in text


async def test_questions_that_nobody_has_answered_are_told(outreach: Any, look: Any) -> None:
    borrower = await outreach.borrower()
    await outreach.rows(
        "INSERT INTO demands (borrower_id, intent, scope, sure, rule, channel, source, said_at, at, recorded_at)"
        " SELECT %s, 'stop', 'channel', sure, 'x', 'sms', 'x', %s, %s, %s FROM unnest(ARRAY[true, false, false])"
        " AS u (sure) RETURNING 1",
        *(borrower, AT, AT, AT),
    )

    assert "duecourse_questions 2.0" in await look()


async def test_what_else_waits_for_people_is_told(outreach: Any, look: Any) -> None:
    borrower = await outreach.borrower()
    for state in ("planned", "cancelled"):
        contact = await outreach.contact(borrower, state)
        await outreach.rows(
            "INSERT INTO reviews (contact_id, due_on, borrower_id, rules, asked_at)"
            " SELECT contact_id, due_on, borrower_id, '{x}', %s FROM contacts WHERE contact_id = %s RETURNING 1",
            *(AT, contact),
        )
    await outreach.rows(
        "INSERT INTO encounters (reference, borrower_id, state, medium, direction, agent_kind, at, local_day,"
        " recorded_at, recorded_by) SELECT state, %s, state, 'call', 'outbound', 'human', %s, %s, %s, 'x'"
        " FROM unnest(ARRAY['reserved', 'unrecorded', 'released']) AS u (state) RETURNING 1",
        *(borrower, AT, AT.date(), AT),
    )
    text = await look()
    assert "duecourse_reviews 1.0" in text
    assert "duecourse_unrecorded_encounters 1.0" in text


async def test_the_search_for_lately_recorded_events_reads_a_summary_of_blocks(outreach: Any) -> None:
    """Not the table: on a ledger of years it would cost as much as the years."""
    await outreach.rows("SELECT ensure_months(%s, %s)", AT.date(), AT.date())
    async with outreach.ledger.transaction() as tx:
        await tx.conn.execute("SET LOCAL enable_seqscan = off")
        sql = "EXPLAIN SELECT count(*) FROM events WHERE recorded_at > %s"
        plan = await (await tx.conn.execute(sql, (AT,))).fetchall()

    assert any("recorded_at" in row[0] and "Bitmap Index Scan" in row[0] for row in plan), plan
