"""Email against a real server's dialogue: who has the message, at each point at which it can fail."""

import asyncio
import ipaddress
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.email import replies
from channels.email.connection import Passage, Pool
from channels.email.mime import Envelope
from channels.email.replies import Reply, Stage
from channels.email.return_path import marked
from channels.email.smtp import SmtpEmail, build
from channels.http import DeadlinePassed
from duecourse.domain.address import DebtorAddress
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Outbound, Outcome, Rendered, WebhookRequest
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, ReceiptKind, Resolution
from duecourse.settings import Provider
from tests.contract.fake_smtp import HANG_UP, QUEUED, SILENCE, FakeSmtp

O = OutcomeClass  # noqa: E741 - the tables below read better
TO = "ms.canary@example.com"
PASSWORD = "canary-password"
TOKEN = "canary-webhook-token"


def provider(*, timeout_s: float = 5.0, **options: Any) -> Provider:
    base = {
        "host": "127.0.0.1",
        "security": "none",
        "from_name": "Harbour Lending",
        "from_address": "due@mail.example.org",
        "webhook_token": TOKEN,
    }
    return Provider(
        name="smtp",
        adapter="smtp",
        channel=ChannelKind.EMAIL,
        enabled=True,
        rate_per_s=100.0,
        burst=100,
        max_batch=1,
        resolution=Resolution.NONE,
        settle_s=60.0,
        window_s=0.0,
        horizon_s=86_400.0,
        timeout_s=timeout_s,
        options={key: value for key, value in {**base, **options}.items() if value is not None},
    )


def outbound(**more: Any) -> Outbound:
    message = Outbound(
        contact_id=7,
        attempt=1,
        reference="c7-1",
        idempotency_key="k7",
        to=DebtorAddress(TO),
        body=Rendered(
            text="canary text\n.a line with a dot\n..and two", subject="canary subject", html="<p>canary</p>"
        ),
        locale="en",
        deadline=time.monotonic() + 60,
    )
    return replace(message, **more)


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    fake = FakeSmtp()
    await fake.start()
    yield fake
    await fake.stop()


Make = Callable[..., SmtpEmail]


@pytest.fixture
async def make(server: FakeSmtp) -> AsyncIterator[Make]:
    made: list[SmtpEmail] = []

    def _make(**options: Any) -> SmtpEmail:
        channel = build(provider(**{"port": server.port, **options}))
        assert isinstance(channel, SmtpEmail)
        made.append(channel)
        return channel

    yield _make
    for channel in made:
        await channel.aclose()


async def test_a_mail_is_accepted_under_the_servers_queue_id(make: Make, server: FakeSmtp) -> None:
    [outcome] = await make().send([outbound()])

    [mail] = server.mails
    assert outcome == Outcome(kind=O.ACCEPTED, provider_message_id="4ABCdef123")
    mark = marked("c7-1", (TOKEN,))
    assert (mail.sender, mail.recipient) == (f"bounce+{mark}@mail.example.org", TO)
    assert f"Message-ID: <{mark}@mail.example.org>\r\n".encode() in mail.content
    assert b"\r\n.a line with a dot\r\n..and two\r\n" in mail.content


@pytest.mark.parametrize(
    ("said", "queue_id"),
    [
        ("250 2.0.0 Ok: queued as 4ABCdef123", "4ABCdef123"),
        ("250 OK id=1tXyZa-000abc-2B", "1tXyZa-000abc-2B"),
        ("250 Ok 0102018f-abcd-000000", "0102018f-abcd-000000"),
        ("250 thanks, ms.canary@example.com", None),
        ("251 fine", None),
    ],
)
async def test_any_positive_reply_to_the_content_is_an_acceptance(
    make: Make, server: FakeSmtp, said: str, queue_id: str | None
) -> None:
    server.script = {"CONTENT": said}

    [outcome] = await make().send([outbound()])

    assert outcome == Outcome(kind=O.ACCEPTED, provider_message_id=queue_id)


# Literal on purpose: a wrong row of the adapter's table must not pass by being compared with itself.
@pytest.mark.parametrize(
    ("verb", "said", "kind", "code", "bad_address"),
    [
        ("RCPT", "550 5.1.1 no such user", O.REJECTED, "5.1.1", True),
        ("RCPT", "550 5.1.2 no such domain", O.REJECTED, "5.1.2", True),
        ("RCPT", "501 5.1.3 bad syntax", O.REJECTED, "5.1.3", True),
        ("RCPT", "553 5.1.8 sender's domain", O.MISCONFIGURED, "5.1.8", False),
        ("RCPT", "553 5.1.7 sender", O.MISCONFIGURED, "5.1.7", False),
        ("RCPT", "550 5.1.10 null MX", O.REJECTED, "5.1.10", True),
        ("RCPT", "550 5.2.1 disabled", O.REJECTED, "5.2.1", True),
        ("RCPT", "552 5.2.2 full", O.TRANSIENT, "5.2.2", False),
        ("RCPT", "550 5.2.2 full", O.TRANSIENT, "5.2.2", False),
        ("RCPT", "552 full", O.TRANSIENT, "552", False),
        ("RCPT", "550 who knows", O.REJECTED, "550", False),
        ("RCPT", "551 not here", O.REJECTED, "551", True),
        ("RCPT", "553 not allowed", O.REJECTED, "553", True),
        ("RCPT", "554 no", O.REJECTED, "554", False),
        ("RCPT", "550 5.7.1 relaying denied", O.REJECTED, "5.7.1", False),
        ("RCPT", "530 5.7.0 log in first", O.MISCONFIGURED, "5.7.0", False),
        ("RCPT", "535 5.7.8 credentials", O.MISCONFIGURED, "5.7.8", False),
        ("RCPT", "550 5.7.8 credentials", O.MISCONFIGURED, "5.7.8", False),
        ("RCPT", "550 5.7.9 mechanism", O.MISCONFIGURED, "5.7.9", False),
        ("RCPT", "550 5.7.11 encryption", O.MISCONFIGURED, "5.7.11", False),
        ("RCPT", "500 what", O.MISCONFIGURED, "500", False),
        ("RCPT", "501 syntax", O.MISCONFIGURED, "501", False),
        ("RCPT", "502 what", O.MISCONFIGURED, "502", False),
        ("RCPT", "503 order", O.MISCONFIGURED, "503", False),
        ("RCPT", "504 parameter", O.MISCONFIGURED, "504", False),
        ("RCPT", "530 TLS first", O.MISCONFIGURED, "530", False),
        ("RCPT", "534 mechanism", O.MISCONFIGURED, "534", False),
        ("RCPT", "535 credentials", O.MISCONFIGURED, "535", False),
        ("RCPT", "538 encryption", O.MISCONFIGURED, "538", False),
        ("RCPT", "555 parameter", O.MISCONFIGURED, "555", False),
        ("RCPT", "599 of tomorrow", O.REJECTED, "599", False),
        ("RCPT", "421 4.7.0 too fast", O.THROTTLED, "4.7.0", False),
        ("RCPT", "421 closing", O.THROTTLED, "421", False),
        ("RCPT", "450 4.2.0 greylisted", O.TRANSIENT, "4.2.0", False),
        ("RCPT", "450 busy", O.TRANSIENT, "450", False),
        ("RCPT", "451 local", O.TRANSIENT, "451", False),
        ("RCPT", "452 storage", O.TRANSIENT, "452", False),
        ("RCPT", "450 4.3.2 not accepting", O.THROTTLED, "4.3.2", False),
        ("RCPT", "450 4.7.28 unusual rate", O.THROTTLED, "4.7.28", False),
        ("RCPT", "454 Throttling failure: Maximum sending rate exceeded.", O.THROTTLED, "454", False),
        ("RCPT", "499 of tomorrow", O.TRANSIENT, "499", False),
        ("RCPT", "450 5.1.1 contradicts itself", O.TRANSIENT, "450", False),
        ("DATA", "554 5.5.1 no valid recipients", O.REJECTED, "5.5.1", False),
        ("DATA", "451 4.3.0 later", O.TRANSIENT, "4.3.0", False),
        ("DATA", "299 what", O.TRANSIENT, "garbage", False),
        ("CONTENT", "554 5.7.1 spam", O.REJECTED, "5.7.1", False),
        ("CONTENT", "550 5.1.1 no such user", O.REJECTED, "5.1.1", True),
        ("CONTENT", "552 5.3.4 too big", O.TRANSIENT, "5.3.4", False),
        ("CONTENT", "451 4.7.1 greylisted", O.TRANSIENT, "4.7.1", False),
        ("CONTENT", "452 4.2.2 full", O.TRANSIENT, "4.2.2", False),
        ("CONTENT", "421 4.7.0 too fast", O.THROTTLED, "4.7.0", False),
        ("CONTENT", "354 again?", O.UNKNOWN, "garbage", False),
        ("CONTENT", "mumble", O.UNKNOWN, "garbage", False),
        ("MAIL", "550 5.7.1 not your sender", O.MISCONFIGURED, "5.7.1", False),
        ("MAIL", "553 5.1.8 no such domain", O.MISCONFIGURED, "5.1.8", False),
        ("MAIL", "421 4.7.0 too many", O.THROTTLED, "4.7.0", False),
        ("MAIL", "454 Throttling failure: Daily message quota exceeded.", O.THROTTLED, "454", False),
        ("MAIL", "451 4.3.0 later", O.TRANSIENT, "4.3.0", False),
        ("MAIL", "mumble", O.TRANSIENT, "garbage", False),
        ("connect", "554 5.7.1 your address is blocked", O.MISCONFIGURED, "5.7.1", False),
        ("connect", "421 4.3.2 busy", O.THROTTLED, "4.3.2", False),
        ("connect", "450 later", O.TRANSIENT, "450", False),
        ("connect", "mumble", O.TRANSIENT, "garbage", False),
    ],
)
async def test_each_reply_has_its_meaning(
    make: Make, server: FakeSmtp, verb: str, said: str, kind: OutcomeClass, code: str, *, bad_address: bool
) -> None:
    server.script = {verb: said}

    [outcome] = await make().send([outbound()])

    wait = 60.0 if kind is O.THROTTLED else None
    assert outcome == Outcome(kind=kind, code=code, address_invalid=bad_address, retry_after_s=wait)
    assert server.mails == []


def test_every_row_of_the_code_tables_is_tested_above() -> None:
    [mark] = test_each_reply_has_its_meaning.pytestmark  # type: ignore[attr-defined]
    codes = {row[3] for row in mark.args[1]} | {row[1][:3] for row in mark.args[1]}
    tables = {**replies.ENHANCED, **replies.OURS, **replies.BASIC}

    assert {code for code in tables if code not in {"5.1", "5.7"}} <= codes
    assert {"5.1.1", "5.7.1"} <= codes


@pytest.mark.parametrize("fault", [HANG_UP, SILENCE])
@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("connect", O.TRANSIENT),
        ("EHLO", O.TRANSIENT),
        ("MAIL", O.TRANSIENT),
        ("RCPT", O.TRANSIENT),
        ("DATA", O.TRANSIENT),
        ("CONTENT", O.UNKNOWN),
    ],
)
async def test_silence_is_unclear_only_after_the_content_was_begun(
    make: Make, server: FakeSmtp, verb: str, fault: str, kind: OutcomeClass
) -> None:
    server.script = {verb: fault}

    [outcome] = await make(timeout_s=0.3 if fault == SILENCE else 5.0).send([outbound()])

    assert outcome.kind is kind
    assert outcome.code in {"disconnected", "reset", "read_timeout", "connect_timeout"}


async def test_a_server_that_is_not_there_got_nothing(make: Make, unused_tcp_port: int) -> None:
    [outcome] = await make(port=unused_tcp_port).send([outbound()])

    assert outcome == Outcome(kind=O.TRANSIENT, code="connect_refused")


async def test_a_host_that_has_no_address_got_nothing(make: Make) -> None:
    [outcome] = await make(host="no-such-host.invalid").send([outbound()])

    assert outcome == Outcome(kind=O.TRANSIENT, code="dns")


async def test_waiting_for_one_of_our_connections_is_surely_not_sent(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1, timeout_s=0.1)

    async with channel._pool._slots:
        [outcome] = await channel.send([outbound()])

    assert outcome == Outcome(kind=O.TRANSIENT, code="pool_timeout")
    assert server.verbs == []


@dataclass(kw_only=True, slots=True)
class Expiring(Passage):
    """Its deadline passes before the given check."""

    checks: int

    def check(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise DeadlinePassed


@pytest.mark.parametrize(("checks", "stage"), [(0, "wait"), (1, "mail"), (2, "data"), (3, "data")])
async def test_a_deadline_that_passes_on_the_way_stops_the_content(
    make: Make, server: FakeSmtp, checks: int, stage: str
) -> None:
    pool = make()._pool
    envelope = Envelope(sender="a@mail.example.org", recipient=TO, content=b"Subject: x\r\n\r\nx\r\n")
    passage = Expiring(envelope=envelope, deadline=0.0, checks=checks)

    with pytest.raises(DeadlinePassed):
        await pool.transmit(passage)

    assert passage.stage == stage
    assert "CONTENT" not in server.verbs
    assert await pool.transmit(Expiring(envelope=envelope, deadline=0.0, checks=4)) == Reply(
        stage=Stage.CONTENT, code=250, text=QUEUED[4:]
    )
    assert server.letters == 1


async def test_after_its_deadline_nothing_is_said(make: Make, server: FakeSmtp) -> None:
    [outcome] = await make().send([outbound(deadline=time.monotonic() - 1)])

    assert outcome == Outcome(kind=O.TRANSIENT, code="deadline")
    assert server.verbs == []


async def test_a_connection_carries_one_message_after_another(make: Make, server: FakeSmtp) -> None:
    outcomes = await make(connections=2).send([outbound(reference=f"c{n}-1") for n in range(20)])

    assert {outcome.kind for outcome in outcomes} == {O.ACCEPTED}
    assert server.letters == 20
    assert len(server.sessions) == 2


async def test_a_refusal_leaves_the_connection_fit_for_the_next_message(make: Make, server: FakeSmtp) -> None:
    server.script = {"RCPT": lambda address: "550 5.1.1 no" if address.startswith("bad") else None}
    channel = make(connections=1)

    kinds = [(await channel.send([outbound(to=to)]))[0].kind for to in ("bad@example.com", TO, "bad@example.com", TO)]

    assert kinds == [O.REJECTED, O.ACCEPTED, O.REJECTED, O.ACCEPTED]
    assert len(server.sessions) == 1


@pytest.mark.parametrize("said", ["421 4.4.2 idle for too long", HANG_UP])
async def test_a_kept_connection_that_died_is_replaced_before_anything_was_said(
    make: Make, server: FakeSmtp, said: str
) -> None:
    channel = make(connections=1)
    await channel.send([outbound()])
    answers = [said]
    server.script = {"MAIL": lambda _: answers.pop() if answers else None}

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.ACCEPTED
    assert server.letters == 2
    assert len(server.sessions) == 2


async def test_a_kept_connection_that_the_server_closed_is_not_used(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1)
    await channel.send([outbound()])
    server.drop()

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.ACCEPTED
    assert server.letters == 2


async def test_a_kept_connection_that_dies_in_the_content_is_unclear_and_not_repeated(
    make: Make, server: FakeSmtp
) -> None:
    channel = make(connections=1)
    await channel.send([outbound()])
    server.script = {"CONTENT": HANG_UP}

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.UNKNOWN
    assert server.verbs.count("CONTENT") == 2


async def test_a_connection_idle_for_too_long_is_closed_by_us(make: Make, server: FakeSmtp) -> None:
    now = 100.0
    pool = Pool(make(idle_s=20)._options.server, timeout_s=5.0, monotonic=lambda: now)
    envelope = Envelope(sender="a@mail.example.org", recipient=TO, content=b"Subject: x\r\n\r\nx\r\n")
    for pause in (19.0, 19.0, 21.0):
        await pool.transmit(Passage(envelope=envelope, deadline=time.monotonic() + 60))
        now += pause
    await pool.transmit(Passage(envelope=envelope, deadline=time.monotonic() + 60))
    await pool.aclose()

    assert server.letters == 4
    assert len(server.sessions) == 2


async def test_a_connection_carries_no_more_messages_than_it_should(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1, messages_per_connection=3)
    for n in range(7):
        await channel.send([outbound(reference=f"c{n}-1")])

    assert len(server.sessions) == 3


async def test_a_cancelled_send_gives_its_connection_up(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1)
    reached = asyncio.Event()

    def content(_: str) -> str:
        reached.set()
        return SILENCE

    server.script = {"CONTENT": content}
    sending = asyncio.create_task(channel.send([outbound()]))
    await reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    server.script = {}

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.ACCEPTED
    assert len(server.sessions) == 2


async def test_closing_says_goodbye(make: Make, server: FakeSmtp) -> None:
    channel = make()
    await channel.send([outbound()])
    await channel.aclose()

    assert server.verbs[-1] == "QUIT"


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.example.net")])
    today = datetime.now(UTC)
    certificate = (
        x509
        .CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context, chain


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_verified_server_gets_our_login_and_mail(make: Make, tmp_path: Path, security: str) -> None:
    context, chain = _certificate(tmp_path)
    secure = FakeSmtp()
    await secure.start(tls=context, implicit=security == "tls", auth=True)
    login = {"username": "harbour", "password": PASSWORD, "ca_file": str(chain)}

    [outcome] = await make(port=secure.port, security=security, **login).send([outbound()])
    [refused] = await make(port=secure.port, security=security, **{**login, "password": "wrong"}).send([outbound()])
    await secure.stop()

    assert outcome.kind is O.ACCEPTED
    assert refused == Outcome(kind=O.MISCONFIGURED, code="5.7.8")
    assert (b"harbour", PASSWORD.encode()) in secure.logins


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_unverified_server_gets_neither_login_nor_mail(make: Make, tmp_path: Path, security: str) -> None:
    context, _ = _certificate(tmp_path)
    secure = FakeSmtp()
    await secure.start(tls=context, implicit=security == "tls", auth=True)

    [outcome] = await make(port=secure.port, security=security, username="harbour", password=PASSWORD).send([
        outbound()
    ])
    await secure.stop()

    assert outcome == Outcome(kind=O.TRANSIENT, code="tls")
    assert (secure.logins, secure.mails) == ([], [])


async def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for(make: Make, server: FakeSmtp) -> None:
    [outcome] = await make(security="starttls").send([outbound()])

    assert outcome == Outcome(kind=O.MISCONFIGURED, code="not_offered")
    assert "MAIL" not in server.verbs


async def test_a_server_that_knows_no_login_is_a_fault_of_the_configuration(make: Make, server: FakeSmtp) -> None:
    [outcome] = await make(username="harbour", password=PASSWORD).send([outbound()])

    assert outcome == Outcome(kind=O.MISCONFIGURED, code="not_offered")


@pytest.mark.parametrize(
    ("to", "address_invalid"),
    [("no address", True), ("a@b\r\nRCPT TO:<x@y>", True), ("<a@b>", True), ("ü@example.com", True), ("a@b@c", True)],
)
async def test_an_address_that_is_none_is_refused_without_a_word(
    make: Make, server: FakeSmtp, to: str, *, address_invalid: bool
) -> None:
    [outcome] = await make().send([outbound(to=to)])

    assert outcome == Outcome(kind=O.REJECTED, code="bad_address", address_invalid=address_invalid)
    assert server.verbs == []


async def test_a_domain_of_other_letters_is_spelled_in_ascii(make: Make, server: FakeSmtp) -> None:
    await make().send([outbound(to="ann@bücher.example")])

    assert server.mails[0].recipient == "ann@xn--bcher-kva.example"


async def test_a_header_that_breaks_the_line_is_refused(make: Make, server: FakeSmtp) -> None:
    broken = Rendered(text="x", subject="Due\r\nBcc: all@example.com")

    [outcome] = await make().send([outbound(body=broken)])

    assert outcome == Outcome(kind=O.REJECTED, code="bad_header")
    assert server.verbs == []


async def test_smtp_knows_nothing_afterwards(make: Make) -> None:
    assert await make().look_up(outbound()) == Outcome(kind=O.UNKNOWN, code="no_lookup")


BOUNCE = b"""To: RETURN-PATH
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; ms.canary@example.com
Action: failed
Status: 5.1.1
--b--
"""


def posted(token: str | None, body: bytes = BOUNCE) -> WebhookRequest:
    headers = {} if token is None else {"x-duecourse-token": token}
    return WebhookRequest(url="https://due.example.com/webhooks/smtp", headers=headers, body=body)


async def test_a_bounce_that_the_gateway_posts_is_taken(make: Make, server: FakeSmtp) -> None:
    channel = make()
    await channel.send([outbound()])
    bounce = BOUNCE.replace(b"RETURN-PATH", server.mails[0].sender.encode())

    assert channel.capability.receipts
    assert channel.verify(posted(TOKEN))
    [receipt] = channel.parse(posted(TOKEN, bounce))
    assert (receipt.kind, receipt.reference, receipt.code) == (ReceiptKind.UNDELIVERED, "c7-1", "5.1.1")
    assert channel.parse(posted(TOKEN, b"any other mail")) == []


def test_a_bounce_that_anybody_could_have_written_is_none_though_the_gateway_posts_it(make: Make) -> None:
    assert make().parse(posted(TOKEN, BOUNCE.replace(b"RETURN-PATH", b"bounce+c7-1@mail.example.org"))) == []


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "ü"])
def test_a_bounce_from_anybody_else_is_refused(make: Make, token: str | None) -> None:
    assert not make().verify(posted(token))


@pytest.mark.parametrize("token", [None, "", TOKEN])
def test_without_a_secret_no_bounce_is_believed(make: Make, token: str | None) -> None:
    channel = make(webhook_token=None)

    assert not channel.capability.receipts
    assert not channel.verify(posted(token))


async def test_a_replaced_secret_still_verifies_and_what_it_sealed_is_still_believed(
    make: Make, server: FakeSmtp
) -> None:
    await make().send([outbound()])
    bounce = posted(TOKEN, BOUNCE.replace(b"RETURN-PATH", server.mails[0].sender.encode()))
    changed = make(webhook_token=f"the-new-one {TOKEN}")

    assert changed.verify(bounce)
    assert [receipt.reference for receipt in changed.parse(bounce)] == ["c7-1"]


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"host": None}, "options.host"),
        ({"port": 0}, "options.port"),
        ({"security": "ssl"}, "options.security"),
        ({"host": "mx.example.net", "username": "u", "password": PASSWORD}, "options.security"),
        ({"username": "u"}, "options.password"),
        ({"password": PASSWORD}, "options.password"),
        ({"from_address": "nobody"}, "options.from_address"),
        ({"from_address": "a@b\r\nX: y"}, "options.from_address"),
        ({"from_name": "Harbour\r\nBcc: x@y.example"}, "options.from_name"),
        ({"from_name": None}, "options.from_name"),
        ({"reply_to": "nobody"}, "options.reply_to"),
        ({"domain": "not a domain"}, "options.domain"),
        ({"security": "tls", "ca_file": "no-such-file.pem"}, "options.ca_file"),
        ({"idle_s": 0}, "options.idle_s"),
        ({"connections": 0}, "options.connections"),
        ({"messages_per_connection": 0}, "options.messages_per_connection"),
        ({"user": "u"}, "options.user"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(provider(**options))

    assert (caught.value.file, caught.value.key) == ("config/providers/smtp.toml", key)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"max_batch": 2}, {"resolution": Resolution.LOOKUP}, {"resolution": Resolution.KEY}]
)
def test_what_smtp_cannot_do_is_refused_at_start(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        build(replace(provider(), **change))


async def test_no_secret_and_nothing_personal_is_shown(
    make: Make, server: FakeSmtp, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    channel = make()
    for script in ({}, {"RCPT": f"550 5.1.1 <{TO}> unknown"}, {"CONTENT": HANG_UP}, {"connect": f"554 5.7.1 {TO}"}):
        server.script = script  # type: ignore[assignment]
        with caplog.at_level(logging.DEBUG):
            shown += map(repr, await channel.send([outbound()]))
    printed = capsys.readouterr()

    everything = " ".join([*shown, caplog.text, repr(channel._options)]) + printed.out + printed.err
    for canary in (TO, PASSWORD, TOKEN, "canary text", "canary subject"):
        assert canary not in everything
