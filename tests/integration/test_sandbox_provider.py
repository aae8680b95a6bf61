"""The sandbox provider over real sockets: what it accepts, refuses, breaks, reports and shows."""

import asyncio
import json
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from duecourse.domain.vocabulary import ChannelKind
from duecourse.simulator.sandbox.account import Account, Faults, ReceiptHabits
from duecourse.simulator.sandbox.control import decode_log
from duecourse.simulator.sandbox.double import running_sandbox, running_server
from duecourse.simulator.sandbox.server import Address
from duecourse.simulator.sandbox.signature import sign

SMS = Account(name="sms", channel=ChannelKind.SMS, api_key="k", dedupe=True, lookup=True)
MAIL = Account(name="email", channel=ChannelKind.EMAIL, api_key="k")
NOON = "2018-04-10T12:00:00+00:00"


def a_message(reference: str = "1-1", **changes: Any) -> dict[str, Any]:
    return {"reference": reference, "to": "+12025550100", "text": "Your payment is due tomorrow.", **changes}


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": "Bearer k"}
    async with aiohttp.ClientSession(url, headers=headers, **options) as session:
        yield session


async def post(session: aiohttp.ClientSession, message: dict[str, Any], key: str = "") -> tuple[int, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    async with session.post("/v1/sms/messages", json=message, headers=headers) as response:
        return response.status, await response.json()


async def log_of(session: aiohttp.ClientSession, kind: str = "accepted") -> list[dict[str, Any]]:
    async with session.get("/control/log") as response:
        return [entry for entry in decode_log(await response.read()) if entry["kind"] == kind]


async def test_an_accepted_message_is_in_the_log_with_both_times() -> None:
    with running_sandbox([SMS]) as url:
        async with client(url) as session:
            await session.put("/control/clock", json={"business": NOON})
            status, answer = await post(session, a_message(), "key-1")
            (entry,) = await log_of(session)
    assert (status, answer["status"]) == (201, "accepted")
    assert entry["id"] == answer["id"]
    assert (entry["reference"], entry["idempotency_key"], entry["virtual_at"]) == ("1-1", "key-1", NOON)
    assert entry["at"] > NOON


async def test_the_same_key_again_delivers_nothing_again() -> None:
    with running_sandbox([SMS]) as url:
        async with client(url) as session:
            _, first = await post(session, a_message("1-1"), "key-1")
            status, second = await post(session, a_message("1-2"), "key-1")
            accepted = await log_of(session)
    assert (status, second) == (200, {"id": first["id"], "status": "duplicate"})
    assert len(accepted) == 1


async def test_two_calls_in_flight_with_one_key_are_both_accepted_as_real_providers_do() -> None:
    with running_sandbox([replace(SMS, latency_s=0.2)]) as url:
        async with client(url) as session:
            answers = await asyncio.gather(*(post(session, a_message(), "key-1") for _ in range(2)))
    assert [status for status, _ in answers] == [201, 201]


async def test_an_account_without_keys_takes_the_same_key_twice() -> None:
    with running_sandbox([replace(SMS, dedupe=False)]) as url:
        async with client(url) as session:
            await post(session, a_message(), "key-1")
            status, _ = await post(session, a_message(), "key-1")
    assert status == 201


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        (a_message(to="not a number"), 422, "invalid_address"),
        (a_message(to="+12025550101"), 422, "opted_out"),
        (a_message(text=""), 422, "content_refused"),
        (a_message(text=None), 400, "invalid_request"),
        ({"to": "+12025550100"}, 400, "invalid_request"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_its_code(message: dict[str, Any], status: int, code: str) -> None:
    with running_sandbox([SMS]) as url:
        async with client(url) as session:
            await session.post("/control/behaviour", json={"address": "+12025550101", "refuse": "opted_out"})
            answer = await post(session, message)
            accepted = await log_of(session)
    assert answer == (status, {"error": {"code": code}})
    assert accepted == []


async def test_a_stranger_and_an_unknown_account_are_told_apart() -> None:
    with running_sandbox([SMS]) as url:
        async with aiohttp.ClientSession(url) as stranger, client(url) as session:
            refused, _ = await post(stranger, a_message())
            async with session.post("/v1/nobody/messages", json=a_message()) as response:
                unknown = response.status
    assert (refused, unknown) == (401, 404)


async def test_a_batch_answers_in_order_and_one_bad_item_hurts_no_other() -> None:
    messages = [
        {**a_message(f"{n}-1", to=to), "idempotency_key": f"k{n}"}
        for n, to in enumerate(["+12025550100", "bad", "+12025550102"])
    ]
    with running_sandbox([SMS]) as url:
        async with client(url) as session:
            async with session.post("/v1/sms/messages/batch", json={"messages": messages}) as response:
                results = (await response.json())["results"]
            logged = {e["reference"]: e["id"] for e in await log_of(session)}
    assert [r.get("status") or r["error"]["code"] for r in results] == ["accepted", "invalid_address", "accepted"]
    assert logged == {"0-1": results[0]["id"], "2-1": results[2]["id"]}


async def test_more_than_the_rate_is_throttled_and_told_when_to_come_back() -> None:
    with running_sandbox([replace(SMS, rate_per_s=0.1, burst=2)]) as url:
        async with client(url) as session:
            statuses = [(await post(session, a_message(f"{n}-1")))[0] for n in range(2)]
            async with session.post("/v1/sms/messages", json=a_message("9-1")) as response:
                wait = response.headers["Retry-After"]
                throttled = response.status
            accepted = await log_of(session)
    assert (statuses, throttled, wait) == ([201, 201], 429, "10")
    assert len(accepted) == 2


async def test_a_message_can_be_looked_up_by_our_reference() -> None:
    with running_sandbox([SMS]) as url:
        async with client(url) as session:
            _, sent = await post(session, a_message("5-1"))
            async with session.get("/v1/sms/messages", params={"reference": "5-1"}) as found:
                known = await found.json()
            async with session.get("/v1/sms/messages", params={"reference": "6-1"}) as missing:
                status = missing.status
    assert known["id"] == sent["id"]
    assert status == 404


@pytest.mark.parametrize(
    ("fault", "status", "accepted"),
    [("e429", 429, 0), ("e503", 503, 0), ("e500_before", 500, 0), ("e500_after", 500, 1)],
)
async def test_an_error_status_comes_before_or_after_accepting(fault: str, status: int, accepted: int) -> None:
    with running_sandbox([replace(SMS, faults=Faults(**{fault: 1.0}))]) as url:
        async with client(url) as session:
            answer = await post(session, a_message(), "key-1")
            assert answer[0] == status
            assert len(await log_of(session)) == accepted


@pytest.mark.parametrize(("fault", "accepted"), [("disconnect_before", 0), ("disconnect_after", 1)])
async def test_the_line_is_cut_before_or_after_accepting(fault: str, accepted: int) -> None:
    with running_sandbox([replace(SMS, faults=Faults(**{fault: 1.0}))]) as url:
        async with client(url) as session:
            with pytest.raises(aiohttp.ClientConnectionError):
                await post(session, a_message(), "key-1")
            assert len(await log_of(session)) == accepted


@pytest.mark.parametrize(("fault", "accepted"), [("timeout_before_accept", 0), ("timeout_after_accept", 1)])
async def test_a_call_hangs_before_or_after_accepting(fault: str, accepted: int) -> None:
    with running_sandbox([replace(SMS, faults=Faults(**{fault: 1.0}))]) as url:
        async with client(url, timeout=aiohttp.ClientTimeout(total=0.3)) as session:
            with pytest.raises(TimeoutError):
                await post(session, a_message(), "key-1")
            assert len(await log_of(session)) == accepted


async def test_the_same_seed_breaks_the_same_calls() -> None:
    async def statuses(seed: int) -> list[int]:
        with running_sandbox([replace(SMS, faults=Faults(e503=0.3, e500_after=0.2))], seed) as url:
            async with client(url) as session:
                return [(await post(session, a_message(f"{n}-1"), f"k{n}"))[0] for n in range(60)]

    first, again, other = await statuses(1), await statuses(1), await statuses(2)
    assert first == again != other
    assert {201, 500, 503} == set(first)


class Receiver:
    """A customer's webhook: keeps what came, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.failures = failures
        self.arrived = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.failures:
            self.failures -= 1
            return web.Response(status=503)
        self.requests.append(({k.lower(): v for k, v in request.headers.items()}, body))
        self.arrived.set()
        return web.Response()

    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.requests for event in json.loads(body)["events"]]

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(10):
            while len(self.events()) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.events()


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes([web.post("/hook", receiver.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def reporting(receiver: Receiver, **habits: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with listening(receiver) as hook:
        account = replace(SMS, webhook_url=hook, webhook_secret="s", receipts=ReceiptHabits(**habits))
        with running_sandbox([account]) as url:
            async with client(url) as session:
                yield session


async def test_a_receipt_is_signed_and_repeated_until_it_is_taken() -> None:
    receiver = Receiver(failures=2)
    async with reporting(receiver) as session:
        _, sent = await post(session, a_message("7-1"))
        (event,) = await receiver.wait_for(1)
    headers, body = receiver.requests[0]
    assert (event["type"], event["reference"], event["message_id"]) == ("delivered", "7-1", sent["id"])
    expected = sign("s", headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == expected


async def test_receipts_of_a_burst_share_requests() -> None:
    receiver = Receiver()
    async with reporting(receiver) as session:
        await asyncio.gather(*(post(session, a_message(f"{n}-1")) for n in range(100)))
        events = await receiver.wait_for(100)
    assert len({e["event_id"] for e in events}) == 100
    assert len(receiver.requests) < 100


async def test_a_doubled_receipt_keeps_its_event_id() -> None:
    receiver = Receiver()
    async with reporting(receiver, duplicate=1.0) as session:
        await post(session, a_message())
        events = await receiver.wait_for(2)
    assert len({e["event_id"] for e in events}) == 1


async def test_read_overtakes_delivered_where_receipts_are_out_of_order() -> None:
    receiver = Receiver()
    async with reporting(receiver, read=1.0, out_of_order=1.0) as session:
        await post(session, a_message())
        events = await receiver.wait_for(2)
    assert [e["type"] for e in events] == ["read", "delivered"]


async def test_a_late_receipt_waits_for_the_virtual_clock_and_a_lost_one_never_comes() -> None:
    receiver = Receiver()
    async with reporting(receiver, late=1.0, late_s=3600) as session:
        await session.put("/control/clock", json={"business": NOON})
        await post(session, a_message("1-1"))
        async with session.get("/control/state") as response:
            state = await response.json()
        assert (state["pending_receipts"], state["held_receipts"]) == (0, 1)
        assert NOON < state["next_receipt_at"] <= "2018-04-10T13:00:00+00:00"
        await session.put("/control/accounts/sms", json={"receipts": {"late": 0.0, "lost": 1.0}})
        await post(session, a_message("2-1"))
        await session.put("/control/clock", json={"business": "2018-04-10T13:00:00+00:00"})
        events = await receiver.wait_for(1)
    assert [e["reference"] for e in events] == ["1-1"]


async def test_an_unreachable_phone_gives_an_undelivered_receipt_with_its_code() -> None:
    receiver = Receiver()
    async with reporting(receiver) as session:
        await session.post("/control/behaviour", json=[{"address": "+12025550100", "undelivered": "unreachable"}])
        await post(session, a_message())
        (event,) = await receiver.wait_for(1)
    assert (event["type"], event["code"]) == ("undelivered", "unreachable")


async def test_a_borrower_can_reply() -> None:
    receiver = Receiver()
    async with reporting(receiver) as session:
        await session.post("/control/replies", json={"account": "sms", "to": "+12025550100", "text": "STOP"})
        (event,) = await receiver.wait_for(1)
    assert (event["type"], event["from"], event["text"]) == ("replied", "+12025550100", "STOP")


async def test_control_refuses_what_makes_no_sense() -> None:
    with running_sandbox([SMS]) as url:
        async with client(url) as session:
            naive = await session.put("/control/clock", json={"business": "2018-04-10T12:00:00"})
            typo = await session.put("/control/accounts/sms", json={"ratio": 1})
            nobody = await session.post("/control/replies", json={"account": "x", "to": "y", "text": "z"})
            assert [naive.status, typo.status, nobody.status] == [400, 400, 400]
            assert (await typo.json())["error"]["code"] == "sms: unknown key ratio"


async def test_the_phone_shows_a_hostile_text_as_text_newest_first() -> None:
    hostile = "<script>alert(1)</script>"
    with running_sandbox([SMS]) as url:
        async with client(url) as session:
            await post(session, a_message("1-1", text=hostile))
            await post(session, a_message("2-1", text="Second message"))
            async with session.get("/phone/%2B12025550100") as response:
                page = await response.text()
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            async with session.get("/") as response:
                assert "/phone/%2B12025550100" in await response.text()
    assert hostile not in page
    assert "&lt;script&gt;" in page
    assert page.index("Second message") < page.index("&lt;script&gt;")


async def test_an_email_is_shown_in_a_frame_that_may_run_nothing() -> None:
    with running_sandbox([MAIL]) as url:
        async with client(url) as session:
            mail = {"reference": "1-1", "to": "a@example.com", "text": "t", "subject": "S", "html": '<p title="x">Hi'}
            async with session.post("/v1/email/messages", json=mail) as response:
                assert response.status == 201
            async with session.get("/phone/a@example.com") as response:
                page = await response.text()
    assert '<iframe sandbox title="S" srcdoc="&lt;p title=' in page


def a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "lender@example.com", "ann@example.com", "Your payment"
    mail["Message-ID"] = "<77-1@duecourse.example>"
    mail["List-Unsubscribe"] = "<https://example.com/u/77>"
    mail.set_content("Your payment is due.")
    mail.add_alternative("<p>Your payment is due.</p>", subtype="html")
    return mail


def test_mail_over_smtp_lands_in_the_same_log() -> None:
    with running_server([MAIL], Address(smtp_port=0)) as server:
        with smtplib.SMTP("127.0.0.1", server.smtp_port or 0, timeout=5) as smtp:
            smtp.login("email", "k")
            smtp.send_message(a_mail())
        (entry,) = server.exchange.journal.messages_to("ann@example.com")
    assert (entry["reference"], entry["subject"], entry["account"]) == ("77-1", "Your payment", "email")
    assert entry["headers"]["List-Unsubscribe"] == "<https://example.com/u/77>"
    assert "<p>Your payment is due.</p>" in entry["html"]


@pytest.mark.parametrize(
    ("fault", "accepted", "error"),
    [
        ("e503", 0, smtplib.SMTPDataError),
        ("disconnect_before", 0, smtplib.SMTPServerDisconnected),
        ("disconnect_after", 1, smtplib.SMTPServerDisconnected),
    ],
)
def test_mail_is_put_off_or_the_line_cut_by_seed(fault: str, accepted: int, error: type[Exception]) -> None:
    with running_server([replace(MAIL, faults=Faults(**{fault: 1.0}))], Address(smtp_port=0)) as server:
        with pytest.raises(error), smtplib.SMTP("127.0.0.1", server.smtp_port or 0, timeout=5) as smtp:
            smtp.send_message(a_mail())
        assert len(server.exchange.journal.messages_to("ann@example.com")) == accepted


def test_a_wrong_password_sends_no_mail() -> None:
    with (
        running_server([MAIL], Address(smtp_port=0)) as server,
        smtplib.SMTP("127.0.0.1", server.smtp_port or 0, timeout=5) as smtp,
        pytest.raises(smtplib.SMTPAuthenticationError),
    ):
        smtp.login("email", "wrong")


async def test_in_virtual_time_the_same_people_meet_the_same_faults_whatever_our_ids() -> None:
    async def statuses(first_id: int) -> list[int]:
        with running_sandbox([replace(SMS, faults=Faults(e503=0.3, e500_after=0.2))], 1) as url:
            async with client(url) as session:
                await session.put("/control/clock", json={"business": NOON})
                messages = (a_message(f"{first_id + n}-1", to=f"+120255501{n:02d}") for n in range(40))
                return [(await post(session, m, f"k-{m['reference']}"))[0] for m in messages]

    assert await statuses(100) == await statuses(9_000)
