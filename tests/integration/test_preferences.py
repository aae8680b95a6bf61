"""What borrowers ask for, on a real Postgres: kept with its event, and heeded by the next claim."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from duecourse.cli.preferences import app
from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.preferences import read_preferences
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Day, Medium
from duecourse.policy.preferences import Preferences
from duecourse.ports import TextRequest
from duecourse.usecases.set_preferences import Wishes, set_preferences, show_preferences
from tests.integration.conftest import Outreach
from tests.pipeline import PlainTexts, World, rung
from tests.seed import Person, seed

SMS, PUSH, EMAIL = ChannelKind.SMS, ChannelKind.PUSH, ChannelKind.EMAIL
PHONE = "+12125550100"


def hours(start: int, end: int, *days: Day) -> Hours:
    return Hours(days=frozenset(days or Day), start=start * 60, end=end * 60)


async def ask(world: World, wishes: Wishes, borrower: str) -> bool:
    return await set_preferences(
        borrower, wishes, source="call", ledger=world.ledger, clock=world.clock, actor="cli:test"
    )


async def borrower_of(world: World, **points: str) -> str:
    await seed(world.ledger, Person(points=points or {"sms": PHONE}))
    await world.plan()
    world.channel.answer = None
    [(name,)] = await world.rows("SELECT external_id FROM borrowers")
    return str(name)


async def test_each_wish_replaces_what_it_names_and_is_on_record(world: World) -> None:
    name = await borrower_of(world)
    assert await ask(world, Wishes(locale="zh-CN", hours=(hours(18, 20),)), name)
    assert await ask(world, Wishes(channels=(PUSH, SMS)), name)
    assert not await ask(world, Wishes(channels=(PUSH, SMS)), name)
    assert await ask(world, Wishes(hours=()), name)

    shown = await show_preferences(name, ledger=world.ledger)
    assert (shown.locale, shown.channels, shown.hours, shown.source) == ("zh-CN", [PUSH, SMS], [], "call")
    events = await world.rows("SELECT data FROM events WHERE kind = 'preferences.set' ORDER BY event_id")
    assert [data["channels"] for (data,) in events] == [[], ["push", "sms"], ["push", "sms"]]


async def test_who_asked_for_nothing_is_left_out_and_shown_as_such(world: World) -> None:
    name = await borrower_of(world)
    async with world.ledger.transaction() as tx:
        assert await read_preferences(tx.conn, [1, 2, 3]) == {}
    shown = await show_preferences(name, ledger=world.ledger)
    assert (shown.locale, shown.channels, shown.hours, shown.set_at) == (None, [], [], None)


@pytest.mark.parametrize(
    ("name", "wishes", "word"),
    [
        ("nobody", Wishes(locale="en"), "borrower"),
        ("", Wishes(), "preferences"),
        ("", Wishes(channels=(SMS, SMS)), "channel"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(world: World, name: str, wishes: Wishes, word: str) -> None:
    known = await borrower_of(world)
    with pytest.raises(InputError, match=word):
        await ask(world, wishes, name or known)


async def test_the_next_claim_keeps_to_the_hours_that_were_asked_for(world: World) -> None:
    name = await borrower_of(world)
    await ask(world, Wishes(hours=(hours(11, 12),)), name)
    await world.worker()(await world.release())

    assert world.channel.sent == []
    [(state, not_before)] = await world.rows("SELECT state, not_before FROM contacts")
    assert (state, not_before) == ("planned", datetime(2018, 7, 10, 15, tzinfo=UTC))
    world.clock.set(datetime(2018, 7, 10, 15, tzinfo=UTC))
    await world.worker()(await world.release())
    assert len(world.channel.sent) == 1


async def test_hours_outside_the_house_s_own_open_nothing(world: World) -> None:
    name = await borrower_of(world)
    await ask(world, Wishes(hours=(hours(22, 23),)), name)
    await world.worker()(await world.release())

    assert world.channel.sent == []
    assert await world.states() == ["suppressed"]


async def test_a_channel_that_is_not_wanted_gives_way_to_the_rung_s_next(world: World) -> None:
    name = await borrower_of(world, sms=PHONE, email="ada@example.com")
    await ask(world, Wishes(channels=(EMAIL,)), name)
    await world.worker()(await world.release())

    assert world.channel.sent == []
    rows = await world.rows("SELECT channel, state, reason FROM contacts ORDER BY step")
    assert rows == [("sms", "suppressed", "preferred-channel"), ("email", "planned", None)]


async def test_a_rung_begins_with_the_channel_that_is_liked_best(world: World) -> None:
    name = await borrower_of(world, sms=PHONE, push="token-1", email="ada@example.com")
    await ask(world, Wishes(channels=(EMAIL, PUSH)), name)
    world.rungs = (replace(rung(), name="later", channels=(SMS, PUSH, EMAIL)),)
    await world.plan()

    rows = await world.rows("SELECT channel, next_channels FROM contacts WHERE rung = 'later'")
    assert rows == [("email", ["sms", "push"])]


async def test_of_the_channels_that_are_left_the_best_liked_comes_first(world: World) -> None:
    world.rungs = (replace(rung(), channels=(SMS, PUSH, ChannelKind.IM, EMAIL)),)
    name = await borrower_of(world, sms=PHONE, push="token-1", im="ada-1", email="ada@example.com")
    await ask(world, Wishes(channels=(EMAIL, PUSH)), name)
    await world.worker()(await world.release())

    rows = await world.rows("SELECT channel, next_channels FROM contacts WHERE step = 2")
    assert rows == [("email", ["push", "im"])]


async def test_texts_are_written_in_the_language_that_was_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def render(self: PlainTexts, request: TextRequest) -> Any:
        seen.append(request.locale)
        return original(self, request)

    original = PlainTexts.render
    monkeypatch.setattr(PlainTexts, "render", render)
    name = await borrower_of(world)
    world.rungs = (replace(rung(), channels=(SMS,)),)
    await ask(world, Wishes(locale="zh-CN"), name)
    await world.worker()(await world.release())

    assert seen == ["zh-CN"]
    assert [message.locale for message in world.channel.sent] == ["zh-CN"]


def test_who_wants_calls_may_be_called_by_a_person() -> None:
    asked = Preferences(channels=(ChannelKind.VOICE, SMS))
    assert asked.media == {Medium.IVR, Medium.CALL, Medium.VOICEMAIL, Medium.SMS}


async def test_the_command_sets_shows_and_takes_back(
    outreach: Outreach, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    await outreach.borrower(sms=PHONE)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)

    def run(*words: str) -> Any:
        done = CliRunner().invoke(app, [*words, "--json"])
        return json.loads(done.stdout) if done.exit_code == 0 else done.exception

    wanted = ["--language", "zh-CN", "--channel", "push", "--channel", "sms", "--hours", "sat,sun 10:00-12:00"]
    assert (await asyncio.to_thread(run, "set", "B-1", *wanted))["changed"] is True
    shown = await asyncio.to_thread(run, "show", "B-1")
    assert (shown["locale"], shown["channels"], shown["hours"]) == ("zh-CN", ["push", "sms"], ["sat,sun 10:00-12:00"])
    assert (await asyncio.to_thread(run, "set", "B-1", "--clear", "hours", "--clear", "language"))["changed"] is True
    shown = await asyncio.to_thread(run, "show", "B-1")
    assert (shown["locale"], shown["channels"], shown["hours"]) == (None, ["push", "sms"], [])
    wrong = await asyncio.to_thread(run, "set", "B-1", "--hours", "20:00-09:00")
    assert isinstance(wrong, InputError)
    assert "--hours" in str(wrong)
