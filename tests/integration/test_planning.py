"""Planning by page and by day: several planners, borrowers at the edge of a page, and what one read serves."""

import asyncio
from datetime import time, timedelta
from typing import Any

import pytest

from duecourse.cadence.rung import Weekday
from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.vocabulary import Audience, ChannelKind
from duecourse.ledger import planning
from duecourse.ledger.database import PostgresLedger
from duecourse.ports import PlanPage
from tests.conftest import Eventually
from tests.pipeline import DUE, MORNING, World, rung
from tests.seed import Person, seed

LADDER = (
    rung(),
    rung(name="T0-evening", at=time(18), not_after=time(19), channels=(ChannelKind.EMAIL, ChannelKind.SMS)),
    rung(name="T0-low", at=time(13), not_after=time(14), audiences=frozenset({Audience.LOW})),
    rung(name="T+1", offset_days=1),
)
PLANNED = {"default/T0-morning": 7, "default/T0-evening": 7}
COUNTS = "SELECT borrower_id, rung, count(*) FROM contacts GROUP BY 1, 2 HAVING count(*) <> 1"


async def seven(ledger: PostgresLedger) -> None:
    """Seven borrowers, three of whom owe on two loans that day."""
    for place in range(7):
        await seed(ledger, Person(due_on=(DUE,), loans=1 + place % 2))


async def test_one_read_of_a_borrower_plans_every_rung_of_that_day(world: World) -> None:
    world.rungs = LADDER
    await seven(world.ledger)
    assert await world.plan() == PLANNED
    assert await world.plan() == {}
    rows = await world.rows("SELECT DISTINCT rung, channel, next_channels[1] FROM contacts ORDER BY 1")
    assert rows == [("T0-evening", "email", "sms"), ("T0-morning", "sms", "email")]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 100])
async def test_pages_of_any_size_plan_everybody_once_and_whole(
    world: World, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(planning, "_PAGE", page)
    world.rungs = LADDER
    await seven(world.ledger)
    assert await world.plan() == PLANNED
    assert await world.rows(COUNTS) == []


async def test_planners_at_the_same_time_plan_everything_once_between_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_PAGE", 2)
    world.rungs = LADDER
    await seven(world.ledger)
    found = await asyncio.gather(world.plan(), world.plan(), world.plan())
    total = {name: sum(planned.get(name, 0) for planned in found) for name in PLANNED}
    assert total == PLANNED
    assert await world.rows(COUNTS) == []


async def test_a_planner_that_does_not_wait_is_noticed_and_the_next_pass_goes_on(
    world: World, eventually: Eventually
) -> None:
    await seven(world.ledger)
    await world.plan()
    async with world.ledger.transaction() as tx:
        await tx.conn.execute(
            "UPDATE contacts SET rung = 'other' WHERE borrower_id = (SELECT min(borrower_id) FROM loans)"
        )
    async with world.ledger.transaction() as tx:
        # As an older version would: the key is taken, and nobody can see it yet.
        await tx.conn.execute("UPDATE contacts SET rung = 'T0-morning' WHERE rung = 'other'")
        planner = asyncio.create_task(world.plan())

        async def waits() -> Any:
            return await world.rows("SELECT FROM pg_locks WHERE NOT granted")

        await eventually(waits)
    with pytest.raises(StoreUnavailable, match="planner"):
        await planner
    assert await world.plan() == {}


async def test_a_rung_that_lasts_ends_on_its_last_day_and_is_planned_until_then(world: World) -> None:
    world.rungs = (
        rung(name="T+1", offset_days=1, lasts_days=2, not_after=time(10)),
        rung(name="T+1-eve", offset_days=1),
    )
    await seed(world.ledger, Person(due_on=(DUE,)))
    world.later(days=2, hours=6)
    assert await world.plan() == {"default/T+1": 1}
    ends = await world.rows("SELECT scheduled_at, not_after FROM contacts")
    assert ends == [(MORNING + timedelta(days=1), MORNING + timedelta(days=3, hours=1))]


async def test_a_rung_for_some_days_of_the_week_is_planned_for_what_is_due_on_those(world: World) -> None:
    # DUE is a Tuesday.
    days = {"tuesdays": {Weekday.TUE}, "others": set(Weekday) - {Weekday.TUE}, "any": set[Weekday]()}
    world.rungs = tuple(rung(name=name, due_weekdays=frozenset(on)) for name, on in days.items())
    await seed(world.ledger)
    assert await world.plan() == {"default/tuesdays": 1, "default/any": 1}


async def test_what_fires_outside_the_window_is_not_planned_yet(world: World) -> None:
    world.rungs = LADDER
    await seven(world.ledger)
    world.clock.set(MORNING.replace(day=9, hour=23))
    assert await world.plan() == {}
    world.later(hours=3)
    assert await world.plan() == {"default/T0-morning": 7}


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_the_days_of_a_window_are_planned_side_by_side_and_each_once(
    world: World, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(planning, "_PAGE", page)
    await seven(world.ledger)
    # Tomorrow there has begun before the window ends.
    tomorrow = DUE + timedelta(days=1)
    for _ in range(5):
        await seed(world.ledger, Person(time_zone="Asia/Tokyo", due_on=(tomorrow,)))

    assert await world.plan() == {"default/T0-morning": 12}

    assert await world.rows(COUNTS) == []
    days = await world.rows("SELECT due_on, count(*) FROM contacts GROUP BY 1 ORDER BY 1")
    assert days == [(DUE, 7), (tomorrow, 5)]
    assert await world.rows("SELECT count(*) FROM events WHERE kind = 'contact.planned'") == [(12,)]


async def test_what_a_contact_is_and_what_its_event_tells_are_the_same(world: World) -> None:
    world.rungs = LADDER
    await seven(world.ledger)
    await seed(world.ledger, Person(time_zone=None, consent="unknown", number=9, autopay=True))
    await world.plan()
    told = await world.rows(
        "SELECT c.contact_id FROM contacts c JOIN events e USING (contact_id, borrower_id) WHERE e.data = "
        "jsonb_build_object('rung', rung, 'channel', channel, 'audience', audience, 'due_on', due_on)"
    )
    assert len(told) == len(await world.states()) == 16


def test_the_days_after_a_page_are_the_rest_of_its_own_and_all_that_follow() -> None:
    page = PlanPage(planned={"T0": 2}, after=(DUE, 8), more=True, last=DUE + timedelta(days=2))
    assert [(day.after, day.last) for day in page.by_day()] == [
        ((DUE, 8), DUE),
        ((DUE + timedelta(days=1), 0), DUE + timedelta(days=1)),
        ((DUE + timedelta(days=2), 0), DUE + timedelta(days=2)),
    ]
