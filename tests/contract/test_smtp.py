"""Email against a real server's dialogue: who has the message, at each point at which it can fail."""

import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from channels.email import replies
from channels.email.return_path import marked
from channels.email.smtp import build
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Outcome, Rendered
from duecourse.domain.vocabulary import OutcomeClass, Resolution
from tests.contract.fake_smtp import HANG_UP, SILENCE, FakeSmtp
from tests.contract.mailing import PASSWORD, TO, TOKEN, Make, outbound, provider

O = OutcomeClass  # noqa: E741 - the tables below read better


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


async def test_after_its_deadline_nothing_is_said(make: Make, server: FakeSmtp) -> None:
    [outcome] = await make().send([outbound(deadline=time.monotonic() - 1)])

    assert outcome == Outcome(kind=O.TRANSIENT, code="deadline")
    assert server.verbs == []


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
