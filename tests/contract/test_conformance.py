"""What every adapter must do, whatever its provider: the suite that a new one has to pass."""

import asyncio
import logging
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from duecourse.domain.message import Outbound, Outcome, WebhookRequest
from duecourse.domain.vocabulary import OutcomeClass, ReceiptKind, Resolution
from tests.contract.rig import CANARY_TEXT, Rig, Say, message


def _rigs() -> list[Rig]:
    names = sorted(path.stem for path in Path(__file__).parent.glob("rig_*.py"))
    return [rig for name in names for rig in import_module(f"tests.contract.{name}").RIGS]


RIGS = _rigs()
#: All but the fake, which goes nowhere.
WIRED = [rig for rig in RIGS if rig.name != "fake"]
ASKED = [rig for rig in RIGS if rig.unreachable(1).capability.resolution is Resolution.LOOKUP]
HEARD = [rig for rig in RIGS if rig.webhook() is not None]
every_rig = pytest.mark.parametrize("rig", RIGS, ids=lambda rig: rig.name)
asked_rig = pytest.mark.parametrize("rig", ASKED, ids=lambda rig: rig.name)
heard_rig = pytest.mark.parametrize("rig", HEARD, ids=lambda rig: rig.name)

#: What is said, and what the outcome must be of it.
MEANINGS: dict[Say, OutcomeClass] = {
    Say.DUPLICATE: OutcomeClass.DUPLICATE,
    Say.OPTED_OUT: OutcomeClass.REJECTED,
    Say.REFUSE_CONTENT: OutcomeClass.REJECTED,
    Say.OK_WITH_ERROR: OutcomeClass.REJECTED,
    Say.UNAUTHORISED: OutcomeClass.MISCONFIGURED,
    Say.THROTTLE: OutcomeClass.THROTTLED,
    Say.UNAVAILABLE: OutcomeClass.TRANSIENT,
    Say.SERVER_ERROR: OutcomeClass.UNKNOWN,
    Say.GARBAGE: OutcomeClass.UNKNOWN,
    Say.HANG_UP: OutcomeClass.UNKNOWN,
    Say.SILENCE: OutcomeClass.UNKNOWN,
}
SPOKEN = [(rig, say) for rig in RIGS for say in MEANINGS if say in rig.says]


def to(rig: Rig, count: int) -> list[Outbound]:
    return [message(rig.address) for _ in range(count)]


@every_rig
async def test_one_outcome_per_message_in_order(rig: Rig) -> None:
    batch = [message(address) for address in [rig.address, rig.bad_address, rig.address, rig.bad_address, rig.address]]
    async with rig.bench() as bench:
        outcomes = await bench.channel.send(batch)
    kinds = [outcome.kind for outcome in outcomes]
    good, bad = OutcomeClass.ACCEPTED, OutcomeClass.REJECTED
    assert kinds == [good, bad, good, bad, good]
    assert [outcome.address_invalid for outcome in outcomes] == [False, True, False, True, False]
    ids = {outcome.provider_message_id for outcome in outcomes if outcome.kind is good}
    assert len(ids) == 3
    assert None not in ids


@every_rig
async def test_nothing_to_send_is_no_call(rig: Rig) -> None:
    async with rig.bench() as bench:
        assert await bench.channel.send([]) == []
        assert bench.arrived == 0


@every_rig
async def test_a_message_that_stands_twice_in_a_batch_has_two_outcomes(rig: Rig) -> None:
    twice = message(rig.address)
    async with rig.bench() as bench:
        outcomes = await bench.channel.send([twice, twice])
    assert len(outcomes) == 2
    assert {outcome.kind for outcome in outcomes} <= {OutcomeClass.ACCEPTED, OutcomeClass.DUPLICATE}


@pytest.mark.parametrize(("rig", "say"), SPOKEN, ids=lambda value: getattr(value, "name", str(value)).lower())
async def test_what_the_provider_says_has_one_meaning_for_each_message(rig: Rig, say: Say) -> None:
    async with rig.bench(say, timeout_s=0.3 if say is Say.SILENCE else 5.0) as bench:
        outcomes = await bench.channel.send(to(rig, 3))
    assert [outcome.kind for outcome in outcomes] == [MEANINGS[say]] * 3
    assert [outcome.opted_out for outcome in outcomes] == [say is Say.OPTED_OUT] * 3
    assert not any(outcome.address_invalid for outcome in outcomes)
    expected_wait = 7.0 if say is Say.THROTTLE else None
    assert [outcome.retry_after_s for outcome in outcomes] == [expected_wait] * 3


@every_rig
async def test_a_provider_that_is_not_there_got_nothing(rig: Rig, unused_tcp_port: int) -> None:
    channel = rig.unreachable(unused_tcp_port)
    await channel.open()
    outcomes = await channel.send(to(rig, 2))
    await channel.aclose()
    assert [outcome.kind for outcome in outcomes] == [OutcomeClass.TRANSIENT] * 2


@pytest.mark.parametrize("rig", WIRED, ids=lambda rig: rig.name)
async def test_after_its_deadline_a_message_does_not_leave(rig: Rig) -> None:
    late = [replace(one, deadline=0.0) for one in to(rig, 2)]
    async with rig.bench() as bench:
        outcomes = await bench.channel.send(late)
        assert bench.arrived == 0
    assert {(outcome.kind, outcome.code) for outcome in outcomes} == {(OutcomeClass.TRANSIENT, "deadline")}


@every_rig
async def test_many_batches_at_once_do_not_mix(rig: Rig) -> None:
    batches = [[message(rig.bad_address if n % 3 == 0 else rig.address) for n in range(size)] for size in range(1, 12)]
    async with rig.bench() as bench:
        answers = await asyncio.gather(*(bench.channel.send(batch) for batch in batches))
    for batch, outcomes in zip(batches, answers, strict=True):
        assert [outcome.address_invalid for outcome in outcomes] == [one.to == rig.bad_address for one in batch]


async def _looked_up(rig: Rig, say: Say, one: Outbound) -> Outcome | None:
    async with rig.bench(say) as bench:
        if say is Say.ACCEPT and not one.reference.startswith("lost"):
            await bench.channel.send([one])
        return await bench.channel.look_up(one)


@asked_rig
async def test_a_look_up_finds_what_was_accepted(rig: Rig) -> None:
    found = await _looked_up(rig, Say.ACCEPT, message(rig.address))
    assert found is not None
    assert found.kind is OutcomeClass.ACCEPTED
    assert found.provider_message_id


@asked_rig
async def test_a_look_up_finds_nothing_of_what_never_arrived(rig: Rig) -> None:
    assert await _looked_up(rig, Say.ACCEPT, replace(message(rig.address), reference="lost-1")) is None


@pytest.mark.parametrize("say", [Say.GARBAGE, Say.HANG_UP])
@pytest.mark.parametrize("rig", [rig for rig in ASKED if rig in WIRED], ids=lambda rig: rig.name)
async def test_a_look_up_that_fails_proves_nothing(rig: Rig, say: Say) -> None:
    answer = await _looked_up(rig, say, message(rig.address))
    assert answer is not None
    assert answer.kind in {OutcomeClass.UNKNOWN, OutcomeClass.TRANSIENT}


def _signed(rig: Rig) -> WebhookRequest:
    """Signed now: a time stamp of when the tests were collected would be stale."""
    request = rig.webhook()
    assert request is not None
    return request


@heard_rig
async def test_a_signed_receipt_is_taken_and_what_makes_no_sense_in_it_left_out(rig: Rig) -> None:
    request = _signed(rig)
    async with rig.bench() as bench:
        assert bench.channel.verify(request)
        (receipt,) = bench.channel.parse(request)
    assert receipt.kind is ReceiptKind.DELIVERED
    assert receipt.event_key
    assert receipt.reference or receipt.provider_message_id


@heard_rig
async def test_a_receipt_that_was_tampered_with_is_refused(rig: Rig) -> None:
    request = _signed(rig)
    async with rig.bench() as bench:
        verify = bench.channel.verify
        for position in range(0, len(request.body), 7):
            flipped = bytearray(request.body)
            flipped[position] ^= 1
            assert not verify(replace(request, body=bytes(flipped)))
        assert not verify(replace(request, body=b""))
        assert not verify(replace(request, headers={}))
        assert verify(request)


@heard_rig
async def test_a_forged_receipt_raises_nothing(rig: Rig) -> None:
    request = _signed(rig)
    async with rig.bench() as bench:

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(body=st.binary(max_size=200), word=st.text(max_size=60))
        def forge(body: bytes, word: str) -> None:
            forged = replace(request, body=body, headers=dict.fromkeys(request.headers, word))
            assert not bench.channel.verify(forged)
            assert isinstance(bench.channel.parse(forged), list)

        forge()


@every_rig
async def test_neither_secrets_nor_people_show_in_logs_or_reprs(
    rig: Rig, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG), capture_logs() as entries:
        for say in sorted(rig.says - {Say.SILENCE}):
            async with rig.bench(say) as bench:
                outcomes = await bench.channel.send(to(rig, 2))
                shown += [repr(outcomes), repr(bench.channel), repr(bench.channel.capability)]
        if request := rig.webhook():
            shown += [repr(request)]
    # aiohttp and asyncio may log what they like at DEBUG, but not what was sent.
    written = "\n".join([*shown, *map(str, entries), caplog.text, *capfd.readouterr()])
    hidden = [CANARY_TEXT, "canary subject", "canary html", rig.address, *rig.secrets]
    assert [word for word in hidden if word in written] == []
