"""Twilio's sends and look-ups against a loopback server that Twilio's own SDK is satisfied with."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from channels.sms.twilio import CODES, TwilioSms, build
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Outbound, Outcome, Rendered
from duecourse.domain.vocabulary import OutcomeClass, Resolution
from duecourse.settings import Provider
from tests.contract import rig
from tests.contract.fake_twilio import ACCOUNT, TOKEN, FakeTwilio

TO = "+12025550123"
FROM = "+15005550006"
SERVICE = "MG" + "0b" * 16
O = OutcomeClass  # noqa: E741 - the table below reads better


def provider(**options: Any) -> Provider:
    base = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": FROM}
    given = {key: value for key, value in {**base, **options}.items() if value is not None}
    return rig.provider("twilio", "twilio", 5.0, rig.Terms(options=given))


def outbound(text: str = "Your payment of $12.50 is due on 3 March.", **changed: Any) -> Outbound:
    return rig.outbound(**{"to": TO, "body": Rendered(text=text), "armed_at": datetime.now(UTC), **changed})


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    fake = FakeTwilio()
    runner = await fake.start()
    yield fake
    await runner.cleanup()


@pytest.fixture
async def sms(twilio: FakeTwilio) -> AsyncIterator[TwilioSms]:
    channel = _built(twilio, status_callback="https://due.example.com/webhooks/twilio", validity_s=3600)
    await channel.open()
    yield channel
    await channel.aclose()


def _built(fake: FakeTwilio, **options: Any) -> TwilioSms:
    channel = build(provider(base_url=fake.url, **options))
    assert isinstance(channel, TwilioSms)
    return channel


class _ToLoopback(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's own client, its host replaced."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._netloc = urlsplit(url).netloc

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(
            method, urlunsplit(urlsplit(url)._replace(scheme="http", netloc=self._netloc)), *args, **kwargs
        )


async def test_a_send_is_accepted_with_twilios_message_id(sms: TwilioSms, twilio: FakeTwilio) -> None:
    [outcome] = await sms.send([outbound()])

    assert outcome.kind is O.ACCEPTED
    assert outcome.provider_message_id == twilio.messages[0]["sid"]


async def test_our_request_is_the_one_that_twilios_sdk_makes(sms: TwilioSms, twilio: FakeTwilio) -> None:
    text = "金额 ¥12.50 & 100% + [€] due\nsoon"
    sdk = Client(ACCOUNT, TOKEN, http_client=_ToLoopback(twilio.url))

    await sms.send([outbound(text)])
    created = await asyncio.to_thread(
        sdk.messages.create,
        to=TO,
        from_=FROM,
        body=text,
        status_callback="https://due.example.com/webhooks/twilio?ref=c7-1",
        validity_period=3600,
    )

    ours, theirs = twilio.seen
    assert created.sid == twilio.messages[0]["sid"]
    assert (ours.method, ours.path, ours.query) == (theirs.method, theirs.path, theirs.query)
    assert sorted(ours.form) == sorted(theirs.form)
    for header in ("authorization", "content-type", "accept"):
        assert ours.headers[header] == theirs.headers[header]


async def test_our_look_up_asks_as_the_sdk_lists(sms: TwilioSms, twilio: FakeTwilio) -> None:
    twilio.sent(to=TO, body="Hello")
    sdk = Client(ACCOUNT, TOKEN, http_client=_ToLoopback(twilio.url))

    await sms.look_up(outbound("Hello"))
    listed = await asyncio.to_thread(sdk.messages.list, to=TO, from_=FROM, page_size=500)

    ours, theirs = twilio.seen
    assert [message.body for message in listed] == ["Hello"]
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert sorted(ours.query) == sorted(theirs.query)


async def test_a_messaging_service_takes_the_place_of_the_sender(twilio: FakeTwilio) -> None:
    channel = _built(twilio, **{"from": None, "messaging_service_sid": SERVICE})
    await channel.open()
    [outcome] = await channel.send([outbound()])
    await channel.aclose()

    assert outcome.kind is O.ACCEPTED
    assert dict(twilio.seen[0].form)["MessagingServiceSid"] == SERVICE
    assert {"From", "StatusCallback", "ValidityPeriod"}.isdisjoint(dict(twilio.seen[0].form))


async def test_an_api_key_takes_the_place_of_the_account_token(twilio: FakeTwilio) -> None:
    channel = _built(twilio, api_key_sid="SK1", api_key_secret="s")
    await channel.open()
    [outcome] = await channel.send([outbound()])
    await channel.aclose()

    assert twilio.seen[0].headers["authorization"] == "Basic U0sxOnM="
    assert outcome == Outcome(kind=O.MISCONFIGURED, code="20003")


# Literal on purpose: a wrong row of the adapter's table must not pass by being compared with itself.
@pytest.mark.parametrize(
    ("status", "code", "kind", "address_invalid", "opted_out"),
    [
        (401, 20003, O.MISCONFIGURED, False, False),
        (404, 20404, O.MISCONFIGURED, False, False),
        (429, 20429, O.THROTTLED, False, False),
        (400, 21211, O.REJECTED, True, False),
        (400, 21212, O.MISCONFIGURED, False, False),
        (400, 21408, O.MISCONFIGURED, False, False),
        (400, 21606, O.MISCONFIGURED, False, False),
        (400, 21608, O.MISCONFIGURED, False, False),
        (400, 21610, O.REJECTED, False, True),
        (429, 21611, O.THROTTLED, False, False),
        (400, 21612, O.REJECTED, False, False),
        (400, 21614, O.REJECTED, True, False),
        (400, 21617, O.REJECTED, False, False),
        (400, 21635, O.REJECTED, True, False),
        (400, 30001, O.REJECTED, False, False),
        (400, 30003, O.REJECTED, False, False),
        (400, 30004, O.REJECTED, False, False),
        (400, 30005, O.REJECTED, True, False),
        (400, 30006, O.REJECTED, True, False),
        (400, 30007, O.REJECTED, False, False),
        (400, 30008, O.REJECTED, False, False),
        (400, 30034, O.MISCONFIGURED, False, False),
        (400, 29999, O.MISCONFIGURED, False, False),
        (500, 20500, O.UNKNOWN, False, False),
        (503, 29998, O.UNKNOWN, False, False),
    ],
)
async def test_each_documented_code_has_its_meaning(
    sms: TwilioSms,
    twilio: FakeTwilio,
    status: int,
    code: int,
    kind: OutcomeClass,
    *,
    address_invalid: bool,
    opted_out: bool,
) -> None:
    twilio.answers = [(status, {"code": code, "message": f"to {TO}", "status": status}, {})]

    [outcome] = await sms.send([outbound()])

    assert (outcome.kind, outcome.code) == (kind, str(code))
    assert (outcome.address_invalid, outcome.opted_out) == (address_invalid, opted_out)


def test_every_row_of_the_code_table_is_tested_above() -> None:
    [mark] = test_each_documented_code_has_its_meaning.pytestmark  # type: ignore[attr-defined]
    assert {str(row[1]) for row in mark.args[1]} >= set(CODES)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (201, "<html>created</html>", O.UNKNOWN, "garbage"),
        (201, {"status": "queued"}, O.UNKNOWN, "garbage"),
        (200, {"sid": "SM1"}, O.UNKNOWN, "http_200"),
        (302, "", O.UNKNOWN, "http_302"),
        (400, "<html>no</html>", O.MISCONFIGURED, "http_400"),
        (403, "", O.MISCONFIGURED, "http_403"),
        (408, "", O.UNKNOWN, "http_408"),
        (429, "slow down", O.THROTTLED, "429"),
        (500, "", O.UNKNOWN, "http_500"),
        (502, "<html>bad gateway</html>", O.UNKNOWN, "http_502"),
        (504, {"code": "21610"}, O.UNKNOWN, "http_504"),
    ],
)
async def test_an_answer_without_a_known_code_goes_by_its_status(
    sms: TwilioSms, twilio: FakeTwilio, status: int, body: Any, kind: OutcomeClass, code: str
) -> None:
    twilio.answers = [(status, body, {})]

    [outcome] = await sms.send([outbound()])

    assert (outcome.kind, outcome.code) == (kind, code)


async def test_a_throttle_waits_as_long_as_twilio_asks(sms: TwilioSms, twilio: FakeTwilio) -> None:
    twilio.answers = [(429, {"code": 20429}, {"Retry-After": "17"}), (429, {"code": 20429}, {})]

    [asked] = await sms.send([outbound()])
    [unasked] = await sms.send([outbound()])

    assert (asked.retry_after_s, unasked.retry_after_s) == (17.0, 5.0)


async def test_a_connection_closed_after_the_request_is_unknown(sms: TwilioSms, twilio: FakeTwilio) -> None:
    twilio.answers = [None]

    [outcome] = await sms.send([outbound()])

    assert outcome.kind is O.UNKNOWN


async def test_a_refused_connection_is_surely_not_sent(twilio: FakeTwilio, unused_tcp_port: int) -> None:
    channel = build(provider(base_url=f"http://127.0.0.1:{unused_tcp_port}"))
    await channel.open()
    [outcome] = await channel.send([outbound()])
    await channel.aclose()

    assert outcome.kind is O.TRANSIENT


async def test_nothing_leaves_after_the_deadline(sms: TwilioSms, twilio: FakeTwilio) -> None:
    [outcome] = await sms.send([outbound(deadline=time.monotonic() - 1)])

    assert outcome == Outcome(kind=O.TRANSIENT, code="deadline")
    assert twilio.seen == []


async def test_outcomes_keep_the_order_of_the_batch(sms: TwilioSms, twilio: FakeTwilio) -> None:
    outcomes = await sms.send([outbound(f"number {n}") for n in range(20)])

    sids = {message["sid"]: message["body"] for message in twilio.messages}
    assert [sids[outcome.provider_message_id] for outcome in outcomes if outcome.provider_message_id] == [
        f"number {n}" for n in range(20)
    ]


async def test_a_look_up_finds_the_one_message_with_our_text(sms: TwilioSms, twilio: FakeTwilio) -> None:
    ours = twilio.sent(to=TO, body=outbound().body.text)
    twilio.sent(to=TO, body="something else")
    twilio.sent(to="+12025550199", body=outbound().body.text)

    outcome = await sms.look_up(outbound())

    assert outcome == Outcome(kind=O.ACCEPTED, provider_message_id=ours["sid"], code="queued")


async def test_a_look_up_that_finds_nothing_of_that_time_is_a_plain_no(sms: TwilioSms, twilio: FakeTwilio) -> None:
    old = format_datetime(datetime.now(UTC) - timedelta(days=30))
    twilio.sent(to=TO, body=outbound().body.text, date_created=old)
    twilio.sent(to=TO, body=outbound().body.text, direction="inbound")
    twilio.sent(to=TO, body=outbound().body.text, sender="+15005550001")

    assert await sms.look_up(outbound()) is None


async def test_a_queued_message_without_a_sending_date_is_found(sms: TwilioSms, twilio: FakeTwilio) -> None:
    ours = twilio.sent(to=TO, body=outbound().body.text, date_sent=None)

    outcome = await sms.look_up(outbound())

    assert outcome is not None
    assert outcome.provider_message_id == ours["sid"]


@pytest.mark.parametrize("bodies", [["{ours}", "{ours}"], [""], ["another text of that minute"]])
async def test_a_look_up_that_could_mean_either_stays_open(
    sms: TwilioSms, twilio: FakeTwilio, bodies: list[str]
) -> None:
    for body in bodies:
        twilio.sent(to=TO, body=body.format(ours=outbound().body.text))

    assert await sms.look_up(outbound()) == Outcome(kind=O.UNKNOWN, code="lookup_ambiguous")


async def test_a_list_that_goes_on_proves_nothing_absent(sms: TwilioSms, twilio: FakeTwilio) -> None:
    old = format_datetime(datetime.now(UTC) - timedelta(days=30))
    for _ in range(501):
        twilio.sent(to=TO, body="long ago", date_created=old)

    assert await sms.look_up(outbound()) == Outcome(kind=O.UNKNOWN, code="lookup_ambiguous")


async def test_a_service_is_looked_up_by_its_own_id(twilio: FakeTwilio) -> None:
    channel = _built(twilio, **{"from": None, "messaging_service_sid": SERVICE})
    await channel.open()
    twilio.sent(to=TO, body=outbound().body.text, messaging_service_sid="MG" + "ff" * 16)
    absent = await channel.look_up(outbound())
    twilio.sent(to=TO, body=outbound().body.text, messaging_service_sid=SERVICE)
    found = await channel.look_up(outbound())
    await channel.aclose()

    assert absent is None
    assert found is not None
    assert found.kind is O.ACCEPTED


async def test_without_the_time_of_the_call_the_last_day_counts(sms: TwilioSms, twilio: FakeTwilio) -> None:
    text = outbound().body.text
    twilio.sent(to=TO, body=text, date_created=format_datetime(datetime.now(UTC) - timedelta(hours=30)))
    absent = await sms.look_up(outbound(armed_at=None))
    twilio.sent(to=TO, body=text, date_created=format_datetime(datetime.now(UTC) - timedelta(hours=20)))
    found = await sms.look_up(outbound(armed_at=None))

    assert absent is None
    assert found is not None
    assert found.kind is O.ACCEPTED


@pytest.mark.parametrize(
    "answer", [(500, "", {}), (401, {"code": 20003}, {}), (200, "<html>", {}), (200, [], {}), None]
)
async def test_a_look_up_that_fails_is_no_answer(sms: TwilioSms, twilio: FakeTwilio, answer: Any) -> None:
    twilio.answers = [answer]

    outcome = await sms.look_up(outbound())

    assert outcome is not None
    assert outcome.kind in {O.UNKNOWN, O.TRANSIENT}


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"account_sid": "AC1"}, "options.account_sid"),
        ({"auth_token": None}, "options.auth_token"),
        ({"auth_token": "  "}, "options.auth_token"),
        ({"from": None}, "options.from"),
        ({"messaging_service_sid": SERVICE}, "options.from"),
        ({"from": None, "messaging_service_sid": "MG1"}, "options.messaging_service_sid"),
        ({"status_callback": "http://due.example.com/x"}, "options.status_callback"),
        ({"status_callback": "https://due_course.example.com/x"}, "options.status_callback"),
        ({"status_callback": "https://due.example.com/x?y=1"}, "options.status_callback"),
        ({"validity_s": 36_001}, "options.validity_s"),
        ({"api_key_sid": "SK1"}, "options.api_key_secret"),
        ({"shared_keys": {"k": 1}}, "options.shared_keys.k"),
        ({"form": FROM}, "options.form"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(provider(**options))

    assert (caught.value.file, caught.value.key) == ("config/providers/twilio.toml", key)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("change", [{"max_batch": 2}, {"resolution": Resolution.KEY}])
def test_what_twilio_cannot_do_is_refused_at_start(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        build(replace(provider(), **change))


async def test_no_secret_and_nothing_personal_is_shown(
    sms: TwilioSms, twilio: FakeTwilio, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    twilio.answers = [(400, {"code": 21211, "message": f"{TO} is no number"}, {}), None]
    outcomes = await sms.send([outbound()]) + await sms.send([outbound()])
    outcomes.append(await sms.look_up(outbound()) or Outcome(kind=O.UNKNOWN))
    shown = capsys.readouterr()

    # aiohttp's own access log is the fake's, not ours.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp.access")]
    everything = " ".join([*ours, *map(repr, outcomes), repr(sms.request(outbound())), repr(sms._options)])
    for canary in (TO, TOKEN, "12.50"):
        assert canary not in everything + shown.out + shown.err
