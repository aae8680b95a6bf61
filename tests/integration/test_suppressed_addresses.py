"""Addresses that opted out stay silent when they come back by an import, even after an erasure."""

from pathlib import Path
from typing import Any

import pytest

from channels.fake import FakeChannel
from duecourse.book_files.kinds import KINDS, RowReader
from duecourse.book_files.table import Row
from duecourse.domain.allocation import DEFAULT_ORDER
from duecourse.domain.book_record import Chunk, RecordKind
from duecourse.domain.clock import FixedClock
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.importing import open_import
from duecourse.settings.inbound import load_lexicon
from duecourse.usecases.apply_inbox import ApplyInbox
from duecourse.usecases.opt_out import opt_in, opt_out
from tests.integration.conftest import AT, Outreach

LEXICON = load_lexicon(Path(__file__).resolve().parents[2] / "config")
CLOCK = FixedClock(AT)
PHONE, OTHER = "+12025550143", "+12025550144"
BORROWER = {
    "external_id": "N1",
    "name": "Ada Lovelace",
    "locale": "en",
    "country": "US",
    "region": "NY",
    "sms": PHONE,
    "sms_consent": "granted",
}


async def load(outreach: Outreach, **changes: str) -> list[tuple[str, str, str | None]]:
    """Import one borrower; consents of all text message numbers after it."""
    row = BORROWER | changes
    record = RowReader(KINDS[RecordKind.BORROWERS], list(row)).read(Row(2, list(row.values())))
    async with open_import(outreach.ledger, CLOCK, order=DEFAULT_ORDER, actor="test") as book:
        await book.load(Chunk(kind=RecordKind.BORROWERS, records=[record], rejects=[]))
    found = await outreach.rows(
        "SELECT b.external_id, p.consent, p.consent_source FROM contact_points p JOIN borrowers b USING (borrower_id)"
        " ORDER BY p.contact_point_id"
    )
    return [tuple(one) for one in found]


async def hear(outreach: Outreach, text: str) -> None:
    apply = ApplyInbox(ledger=outreach.ledger, clock=CLOCK, channels={"fake": FakeChannel()}, lexicon=LEXICON)
    await outreach.receive({"event_id": text, "type": "replied", "from": PHONE, "text": text})
    assert await apply() == {"applied": 1}


@pytest.mark.parametrize("erased", [False, True])
async def test_an_address_that_opted_out_stays_silent_for_whomever_it_is_imported(
    outreach: Outreach,
    erased: bool,  # noqa: FBT001
) -> None:
    await outreach.borrower(sms=PHONE)
    await hear(outreach, "STOP")
    if erased:
        await outreach.rows("DELETE FROM contact_points RETURNING 1")
        await outreach.rows("DELETE FROM data_keys WHERE purpose = 'borrower' RETURNING 1")

    found = await load(outreach)

    assert found[-1] == ("N1", "withdrawn", "suppressed-address")
    told: Any = await outreach.value("SELECT data ->> 'rule' FROM events WHERE kind = 'consent.withdrawn'")
    assert told == "suppressed-address"
    assert (await load(outreach))[-1] == ("N1", "withdrawn", "suppressed-address")


async def test_a_stop_from_an_unknown_address_is_remembered_for_whomever_it_comes_to(outreach: Outreach) -> None:
    await hear(outreach, "STOP")

    assert await outreach.value("SELECT data ->> 'rule' FROM events WHERE kind = 'address.suppressed'") == "en.keyword"
    assert await load(outreach) == [("N1", "withdrawn", "suppressed-address")]


@pytest.mark.parametrize("text", ["ok", "too many messages", "START"])
async def test_other_words_from_an_unknown_address_are_remembered_by_nobody(outreach: Outreach, text: str) -> None:
    await hear(outreach, text)

    assert await load(outreach) == [("N1", "granted", None)]


async def test_another_number_of_the_same_borrower_is_their_own(outreach: Outreach) -> None:
    await load(outreach)
    await hear(outreach, "wrong number")
    assert await load(outreach) == [("N1", "withdrawn", "en.wrong-number")]

    assert await load(outreach, sms=OTHER) == [("N1", "granted", None)]


async def test_who_opted_out_keeps_the_consent_that_a_start_goes_back_to(outreach: Outreach) -> None:
    await load(outreach)
    await opt_out("N1", ChannelKind.SMS, source="letter", ledger=outreach.ledger, clock=CLOCK, actor="test")
    assert await load(outreach) == [("N1", "granted", None)]

    await opt_in("N1", ChannelKind.SMS, ledger=outreach.ledger, clock=CLOCK, actor="test")
    assert await load(outreach) == [("N1", "granted", None)]
    assert await load(outreach, external_id="N2") == [("N1", "granted", None), ("N2", "granted", None)]


async def test_an_agent_may_lift_what_an_earlier_holder_of_the_number_demanded(outreach: Outreach) -> None:
    await hear(outreach, "STOP")
    await load(outreach)
    take_back: dict[str, Any] = {"ledger": outreach.ledger, "clock": CLOCK, "actor": "test"}
    assert await opt_in("N1", ChannelKind.SMS, **take_back)
    assert not await opt_in("N1", ChannelKind.SMS, **take_back)

    assert await outreach.value("SELECT count(*) FROM events WHERE kind = 'address.restored'") == 1
    assert await load(outreach, consent_at="2030-01-01T00:00:00Z") == [("N1", "granted", None)]


async def test_a_start_from_the_address_lets_it_be_written_to_again(outreach: Outreach) -> None:
    await load(outreach)
    await hear(outreach, "wrong number")
    await hear(outreach, "START")

    assert await load(outreach) == [("N1", "granted", "replied:fake")]


async def test_the_suppression_names_nobody(outreach: Outreach) -> None:
    await outreach.borrower(sms=PHONE)
    await hear(outreach, "STOP")

    kept = await outreach.rows("SELECT to_jsonb(s) - 'suppression_id' FROM suppressed_addresses s")
    assert [sorted(row[0]) for row in kept] == [["address_index", "channel", "lifted_at", "rule", "since"]]
    assert PHONE not in str(kept)
