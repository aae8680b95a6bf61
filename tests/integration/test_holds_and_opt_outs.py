"""Holds and opt-outs against a real Postgres: once, by the lender's own numbers, each with its event."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import InputError
from duecourse.domain.hold import NewHold
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.database import PostgresLedger
from duecourse.usecases.opt_out import list_opt_outs, opt_in, opt_out
from duecourse.usecases.place_hold import list_holds, place_hold, release_hold

NOW = datetime(2018, 7, 2, 15, tzinfo=UTC)
CLOCK = FixedClock(NOW)


@pytest.fixture
async def book(ledger: PostgresLedger) -> PostgresLedger:
    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (NOW.date(), date(2018, 9, 1)))
        for borrower, loan in (("B1", "L1"), ("B2", "L2")):
            await tx.conn.execute(
                "WITH b AS (INSERT INTO borrowers (external_id, data_key_id, name_sealed, locale, country, created_at,"
                " updated_at) VALUES (%s, 1, 'x', 'en', 'US', %s, %s) RETURNING borrower_id)"
                " INSERT INTO loans (external_id, borrower_id, currency, principal_minor, issued_on)"
                " SELECT %s, borrower_id, 'USD', 1, '2018-01-01' FROM b",
                (borrower, NOW, NOW, loan),
            )
    return ledger


async def kinds(ledger: PostgresLedger) -> list[str]:
    async with ledger.transaction() as tx:
        cursor = await tx.conn.execute("SELECT kind FROM events ORDER BY event_id")
        return [kind for (kind,) in await cursor.fetchall()]


def hold(**changes: Any) -> NewHold:
    return NewHold(**({"borrower": "B1", "reason": "hardship", "placed_by": "test"} | changes))


async def test_a_hold_is_in_force_until_it_is_released(book: PostgresLedger) -> None:
    hold_id = await place_hold(hold(loan="L1"), ledger=book, clock=CLOCK)
    (listed,) = await list_holds("B1", everything=False, limit=10, ledger=book, clock=CLOCK)
    assert (listed.hold_id, listed.loan, listed.starts_at, listed.ends_at) == (hold_id, "L1", NOW, None)
    assert await release_hold(hold_id, ledger=book, clock=CLOCK, actor="test")
    assert not await release_hold(hold_id, ledger=book, clock=CLOCK, actor="test")
    assert await list_holds("B1", everything=False, limit=10, ledger=book, clock=CLOCK) == []
    assert len(await list_holds(None, everything=True, limit=10, ledger=book, clock=CLOCK)) == 1
    assert await kinds(book) == ["hold.placed", "hold.released"]


async def test_a_hold_may_be_of_one_channel(book: PostgresLedger) -> None:
    await place_hold(hold(channel=ChannelKind.SMS), ledger=book, clock=CLOCK)
    (listed,) = await list_holds("B1", everything=False, limit=10, ledger=book, clock=CLOCK)
    assert listed.channel == "sms"


async def test_a_hold_that_ended_is_listed_only_on_request(book: PostgresLedger) -> None:
    await place_hold(hold(ends_at=NOW + timedelta(days=1)), ledger=book, clock=CLOCK)
    later = FixedClock(NOW + timedelta(days=2))
    assert await list_holds(None, everything=False, limit=10, ledger=book, clock=later) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"borrower": "B9"}, "borrower"),
        ({"loan": "L2"}, "loan"),
        ({"reason": " "}, "reason"),
        ({"ends_at": NOW}, "ends_at"),
    ],
)
async def test_a_hold_that_makes_no_sense_is_refused(book: PostgresLedger, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=field):
        await place_hold(hold(**changes), ledger=book, clock=CLOCK)
    assert await kinds(book) == []


async def test_releasing_an_unknown_hold_is_refused(book: PostgresLedger) -> None:
    with pytest.raises(InputError, match="hold 404"):
        await release_hold(404, ledger=book, clock=CLOCK, actor="test")


@pytest.mark.parametrize("channel", [ChannelKind.SMS, None])
async def test_an_opt_out_counts_once_and_can_be_taken_back(book: PostgresLedger, channel: ChannelKind | None) -> None:
    stop: dict[str, Any] = {"ledger": book, "clock": CLOCK, "actor": "test"}
    assert await opt_out("B1", channel, source="letter", **stop)
    assert not await opt_out("B1", channel, source="letter", **stop)
    (listed,) = await list_opt_outs("B1", everything=False, limit=10, ledger=book)
    assert (listed.channel, listed.source, listed.at) == (channel, "letter", NOW)
    assert await opt_in("B1", channel, **stop)
    assert not await opt_in("B1", channel, **stop)
    assert await list_opt_outs(None, everything=False, limit=10, ledger=book) == []
    assert await opt_out("B1", channel, source="letter", **stop)
    assert len(await list_opt_outs("B1", everything=True, limit=10, ledger=book)) == 2
    assert await kinds(book) == ["optout.added", "optout.revoked", "optout.added"]


async def test_taking_back_one_channel_leaves_the_demand_about_everything(book: PostgresLedger) -> None:
    stop: dict[str, Any] = {"ledger": book, "clock": CLOCK, "actor": "test"}
    await opt_out("B1", None, source="portal", **stop)
    assert not await opt_in("B1", ChannelKind.SMS, **stop)


async def test_an_unknown_borrower_cannot_opt_out(book: PostgresLedger) -> None:
    with pytest.raises(InputError, match="borrower"):
        await opt_out("B9", None, source="letter", ledger=book, clock=CLOCK, actor="test")
