"""The bytes of an email: what was meant reaches the reader, and nothing can be smuggled into head or envelope."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.email.mime import Envelope, Sender, Unsendable, compose, mailbox
from duecourse.domain.address import DebtorAddress
from duecourse.domain.message import Outbound, Rendered

SENDER = Sender(name="Harbour Lending, Läden & Co", address="due@mail.example.org", domain="mail.example.org")
AT = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
UNSUBSCRIBE = {
    "List-Unsubscribe": f"<https://due.example.com/u/{'t' * 300}>, <mailto:stop@mail.example.org>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
ADDRESSES = ["ann@example.com", "o'hara+tag@sub.example.co.uk", "a_b.c-d@example.museum"]


def outbound(body: Rendered, *, to: str = "ann@example.com", reference: str = "c7-1") -> Outbound:
    return Outbound(
        contact_id=7,
        attempt=1,
        reference=reference,
        idempotency_key="k",
        to=DebtorAddress(to),
        body=body,
        locale="en",
        deadline=0.0,
    )


def read(envelope: Envelope) -> EmailMessage:
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_head_and_envelope_say_who_wrote_what_to_whom() -> None:
    body = Rendered(text="Text", subject="Your payment is due", headers=UNSUBSCRIBE)

    envelope = compose(outbound(body), replace(SENDER, reply_to="help@mail.example.org"), AT)

    mail = read(envelope)
    assert (envelope.sender, envelope.recipient) == ("bounce+c7-1@mail.example.org", "ann@example.com")
    assert mail["From"].addresses[0].display_name == SENDER.name
    assert mail["From"].addresses[0].addr_spec == SENDER.address
    assert mail["To"].addresses[0].addr_spec == "ann@example.com"
    assert mail["Reply-To"].addresses[0].addr_spec == "help@mail.example.org"
    assert mail["Message-ID"] == "<c7-1@mail.example.org>"
    assert mail["Date"].datetime == AT
    assert mail["Subject"] == "Your payment is due"
    # RFC 8058: both, unbroken, as they were given.
    assert mail["List-Unsubscribe"] == UNSUBSCRIBE["List-Unsubscribe"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_text_and_html_are_alternatives_with_the_best_last() -> None:
    mail = read(compose(outbound(Rendered(text="今天到期\n", html="<p>今天到期</p>", subject="x")), SENDER, AT))

    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().strip() for part in mail.iter_parts()] == ["今天到期", "<p>今天到期</p>"]


def test_text_alone_is_plain() -> None:
    assert read(compose(outbound(Rendered(text="Text", subject="x")), SENDER, AT)).get_content_type() == "text/plain"


words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]), max_size=120)


@given(subject=words, text=words, html=words)
@example(subject="Fällig: 1.234,56 € am 3. März – bitte zahlen Sie " * 3, text="." * 2000, html="x" * 2000)
def test_what_was_written_is_what_is_read(subject: str, text: str, html: str) -> None:
    envelope = compose(outbound(Rendered(text=text, subject=subject, html=html or None)), SENDER, AT)
    mail = read(envelope)

    body, richer = mail.get_body(("plain",)), mail.get_body(("html",))
    assert mail["Subject"].split() == subject.split()
    assert body is not None
    assert body.get_content().rstrip("\r\n") == text.rstrip("\r\n")
    assert (
        richer is None
        if not html
        else richer is not None and richer.get_content().rstrip("\r\n") == html.rstrip("\r\n")
    )
    lines = envelope.content.split(b"\r\n")
    assert envelope.content.isascii()
    assert all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in lines)


LINE_BREAKS = ["\r", "\n", "\r\n", "\r\n\r\n", "\x00", "\x0b", "\x1e", "\x85", "\u2028"]


@pytest.mark.parametrize("broken", LINE_BREAKS)
@pytest.mark.parametrize("place", ["subject", "header", "header_name", "to", "reference"])
def test_no_value_can_end_its_line(broken: str, place: str) -> None:
    bad = f"x{broken}Bcc: all@example.com"
    headers = {"header": {"List-Id": bad}, "header_name": {f"X-A{broken}Bcc": "v"}}.get(place, {})
    message = outbound(Rendered(text="t", subject=bad if place == "subject" else "s", headers=headers))
    changes: dict[str, Any] = {"to": {"to": bad}, "reference": {"reference": bad}}.get(place, {})

    with pytest.raises(Unsendable):
        compose(replace(message, **changes), SENDER, AT)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_becomes_a_header_of_its_own(subject: str, address: str) -> None:
    try:
        envelope = compose(outbound(Rendered(text="t", subject=subject), to=address), SENDER, AT)
    except Unsendable:
        return

    names = [name.lower() for name in read(envelope)]
    expected = {
        "message-id",
        "from",
        "to",
        "date",
        "subject",
        "content-type",
        "content-transfer-encoding",
        "mime-version",
    }
    assert sorted(names) == sorted(expected)
    assert re.fullmatch(r"[\x21-\x7e]+", envelope.recipient)


@pytest.mark.parametrize(
    "name",
    ["From", "To", "Cc", "Bcc", "Subject", "Sender", "Return-Path", "Message-ID", "Content-Type", "DKIM-Signature"],
)
def test_a_template_cannot_say_who_writes_or_to_whom(name: str) -> None:
    with pytest.raises(Unsendable, match="bad_header"):
        compose(outbound(Rendered(text="t", headers={name: "x"})), SENDER, AT)


@pytest.mark.parametrize("name", ["X-Priority", "Precedence", "Auto-Submitted", "Feedback-ID", "list-id"])
def test_a_template_may_say_what_kind_of_mail_it_is(name: str) -> None:
    assert read(compose(outbound(Rendered(text="t", headers={name: "bulk"})), SENDER, AT))[name] == "bulk"


@pytest.mark.parametrize("value", ["", "ü", "x" * 901, "tab\there"])
def test_a_header_that_cannot_stand_as_it_is_is_refused(value: str) -> None:
    with pytest.raises(Unsendable, match="bad_header"):
        compose(outbound(Rendered(text="t", headers={"X-A": value})), SENDER, AT)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_stays_as_it_is(address: str) -> None:
    assert mailbox(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "a", "a@", "@b", "a b@c.example", "a@b c", "a..b@c.example", ".a@c.example", "a.@c.example"),
        *(
            "<a@c.example>",
            '"a b"@c.example',
            "a@-c.example",
            "a@c-.example",
            "a@[127.0.0.1]",
            "a@b@c",
            "a,b@c.example",
        ),
        *(
            "ü@c.example",
            "a" * 65 + "@c.example",
            "a@" + "c" * 64 + ".example",
            "a@" + ("c" * 60 + ".") * 5 + "example",
        ),
        "a@c..example",
    ],
)
def test_what_is_no_address_of_ours_is_refused(address: str) -> None:
    with pytest.raises(Unsendable, match=r"^bad_address$"):
        mailbox(address)


@given(st.text(max_size=80).map(lambda text: text + " canary"))
def test_a_refusal_shows_nothing_of_the_address(address: str) -> None:
    with pytest.raises(Unsendable) as caught:
        mailbox(address)

    assert str(caught.value) == "bad_address"


@pytest.mark.parametrize("name", ["Harbour", "Harbour, Inc.", 'The "Harbour" \\ Co', "Läden", "今天还款提醒"])
def test_a_sender_may_have_any_name(name: str) -> None:
    mail = read(compose(outbound(Rendered(text="t")), replace(SENDER, name=name), AT))

    assert mail["From"].addresses[0].addr_spec == SENDER.address
    assert mail["From"].addresses[0].display_name == name


def test_an_envelope_hides_the_borrower() -> None:
    shown = repr(compose(outbound(Rendered(text="canary", subject="s")), SENDER, AT))

    assert "ann" not in shown
    assert "canary" not in shown
