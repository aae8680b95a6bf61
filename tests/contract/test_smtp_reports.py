"""Bounces and complaints, in the forms that mail servers really write them."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.dsn import Origin, parse_report
from channels.email.return_path import marked
from duecourse.domain.message import Receipt
from duecourse.domain.vocabulary import ReceiptKind

SECRETS = ("new-token", "old-token")
OURS = Origin(domain="mail.example.org", secrets=SECRETS)
U, D = ReceiptKind.UNDELIVERED, ReceiptKind.DELIVERED

#: As Postfix writes one: the whole message comes back.
POSTFIX = b"""\
Return-Path: <>
Received: by mx.example.org (Postfix)\r
\tid 4ABCdef123; Tue,  3 Mar 2026 09:00:05 +0000 (UTC)
Date: Tue,  3 Mar 2026 09:00:05 +0000 (UTC)
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounce+c7-1@mail.example.org
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4XYZ.1772528405/mx.example.org"
Message-Id: <20260303090005.4XYZ@mx.example.org>

This is a MIME-encapsulated message.

--4XYZ.1772528405/mx.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.org.

<ann@example.com>: host mx.example.com[192.0.2.1] said: 550 5.1.1 <ann@example.com>: no such user

--4XYZ.1772528405/mx.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
X-Postfix-Queue-ID: 4XYZ
X-Postfix-Sender: rfc822; bounce+c7-1@mail.example.org
Arrival-Date: Tue,  3 Mar 2026 09:00:00 +0000 (UTC)

Final-Recipient: rfc822; ann@example.com
Original-Recipient: rfc822;ann@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <ann@example.com>: no such user

--4XYZ.1772528405/mx.example.org
Content-Description: Undelivered Message
Content-Type: message/rfc822

Return-Path: <bounce+c7-1@mail.example.org>
Message-ID: <C7-1@mail.example.org>
From: Harbour <due@mail.example.org>
To: ann@example.com
Subject: Your payment is due

Text
--4XYZ.1772528405/mx.example.org--
"""

#: As Exim writes one: a status that says nothing, and the headers only.
EXIM = b"""\
Envelope-to: bounce+c8-2@mail.example.org
Date: Tue, 03 Mar 2026 10:00:00 +0100
To: bounce+c8-2@mail.example.org
From: Mail Delivery System <Mailer-Daemon@mx.example.net>
Content-Type: multipart/report; report-type=delivery-status; boundary="1772528405-eximdsn-1"
MIME-Version: 1.0

--1772528405-eximdsn-1
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

--1772528405-eximdsn-1
Content-type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Action: failed
Final-Recipient: rfc822;bob@example.com
Status: 5.0.0
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 552-5.2.2 The recipient's inbox is full
--1772528405-eximdsn-1
Content-type: message/rfc822

Message-Id: <c8-2@mail.example.org>
To: bob@example.com

--1772528405-eximdsn-1--
"""

#: RFC 5965, the example of its appendix B.2, about one of our messages.
COMPLAINT = b"""\
From: <abusedesk@example.com>
Date: Thu, 8 Mar 2005 17:40:36 EDT
Subject: FW: Your payment is due
To: <abuse@mail.example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.1.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <bounce+c9-1@mail.example.org>
Original-Rcpt-To: <redacted@example.com>
Arrival-Date: Thu, 8 Mar 2005 14:00:00 EDT
Source-IP: 192.0.2.1

--part1_13d.2e68ed54_boundary
Content-Type: text/rfc822-headers
Content-Disposition: inline

From: <due@mail.example.org>
To: <redacted@example.com>
Message-ID: <c9-1@mail.example.org>
--part1_13d.2e68ed54_boundary--
"""


def sealed(raw: bytes, secrets: tuple[str, ...] = SECRETS) -> bytes:
    """The mail as if it were about a message that we had sealed."""
    return re.sub(
        rb"(?i)(bounce\+|Message-ID: <)([a-z0-9-]+)(?=@)", lambda found: found[1] + mark(found[2], secrets), raw
    )


def mark(reference: bytes, secrets: tuple[str, ...]) -> bytes:
    return marked(reference.decode(), secrets).encode()


def read_report(raw: bytes) -> Receipt | None:
    return parse_report(sealed(raw), OURS)


def report(*fields: str, to: str = "bounce+c7-1@mail.example.org", more: str = "") -> bytes:
    """The least that RFC 3464 asks for."""
    head = f"To: {to}\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
    status = "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n" + "\r\n".join(fields)
    return f"{head}{status}\r\n\r\n{more}--b--\r\n".encode()


def test_a_postfix_bounce_flags_an_address_that_does_not_exist() -> None:
    assert read_report(POSTFIX) == Receipt(
        event_key="C7-1:failed:5.1.1",
        kind=U,
        at=datetime(2026, 3, 3, 9, 0, 5, tzinfo=UTC),
        reference="C7-1",
        code="5.1.1",
        address_invalid=True,
    )


def test_an_exim_bounce_is_read_for_the_reason_inside_it() -> None:
    assert read_report(EXIM) == Receipt(
        event_key="c8-2:failed:5.2.2",
        kind=U,
        at=datetime(2026, 3, 3, 9, 0, tzinfo=UTC),
        reference="c8-2",
        code="5.2.2",
    )


def test_a_complaint_is_known_by_its_returned_headers() -> None:
    receipt = read_report(COMPLAINT)

    assert receipt is not None
    assert (receipt.kind, receipt.reference, receipt.code) == (ReceiptKind.COMPLAINED, "c9-1", "abuse")


def test_a_complaint_without_headers_is_known_by_its_envelope() -> None:
    receipt = read_report(COMPLAINT.replace(b"Message-ID: <c9-1@", b"Message-ID: <x@"))
    bare = read_report(COMPLAINT.replace(b"Message-ID: <c9-1@mail.example.org>", b"X: y"))

    assert receipt is not None
    assert bare is not None
    assert (receipt.reference, bare.reference) == ("x", "c9-1")


@pytest.mark.parametrize("kind", ["abuse", "fraud", "virus", "other"])
def test_every_kind_of_complaint_counts(kind: str) -> None:
    receipt = read_report(COMPLAINT.replace(b"Type: abuse", f"Type: {kind}".encode()))

    assert receipt is not None
    assert (receipt.kind, receipt.code) == (ReceiptKind.COMPLAINED, kind)


def test_a_complaint_taken_back_is_none() -> None:
    assert read_report(COMPLAINT.replace(b"Type: abuse", b"Type: not-spam")) is None


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", U),
        ("Failed", U),
        ("delivered", D),
        ("delayed", None),
        ("relayed", None),
        ("expanded", None),
        ("?", None),
    ],
)
def test_only_an_end_is_a_receipt(action: str, kind: ReceiptKind | None) -> None:
    receipt = read_report(report(f"Action: {action}", "Status: 5.1.1"))

    assert (receipt.kind if receipt else None) == kind
    assert receipt is None or receipt.address_invalid is (kind is U)


@pytest.mark.parametrize(
    ("fields", "code", "bad_address"),
    [
        (["Status: 5.1.1"], "5.1.1", True),
        (["Status: 5.1.2 (no such domain)"], "5.1.2", True),
        (["Status: 5.1.10"], "5.1.10", True),
        (["Status: 5.1.8"], "5.1.8", False),
        (["Status: 5.2.1"], "5.2.1", True),
        (["Status: 5.2.2"], "5.2.2", False),
        (["Status: 5.7.1"], "5.7.1", False),
        (["Status: 4.4.7"], "4.4.7", False),
        (["Status: 5.0.0", "Diagnostic-Code: smtp; 550 5.1.1 unknown"], "5.1.1", True),
        (["Status: 5.0.0", "Diagnostic-Code: smtp; 550 unknown"], "5.0.0", False),
        (["Status: 5.4.1", "Diagnostic-Code: smtp; 550 5.1.1 unknown"], "5.4.1", False),
        (["Diagnostic-Code: smtp; 550 5.1.1 unknown"], "5.1.1", True),
        (["Diagnostic-Code: X-Unix; 77"], None, False),
        (["Status: nonsense"], None, False),
    ],
)
def test_the_status_says_why(fields: list[str], code: str | None, *, bad_address: bool) -> None:
    receipt = read_report(report("Action: failed", *fields))

    assert receipt is not None
    assert (receipt.code, receipt.address_invalid) == (code, bad_address)


@pytest.mark.parametrize(
    "to",
    ["due@mail.example.org", "bounce@mail.example.org", "bounce+c7-1@evil.example", "", "bounce+@mail.example.org"],
)
def test_a_bounce_that_is_not_about_one_of_our_messages_is_none(to: str) -> None:
    assert read_report(report("Action: failed", "Status: 5.1.1", to=to)) is None


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To", "Envelope-To"])
def test_the_return_path_may_stand_in_another_header(header: str) -> None:
    raw = f"{header}: bounce+c7-1@MAIL.example.org\r\n".encode() + report("Action: failed", to="<undisclosed>")

    receipt = read_report(raw)

    assert receipt is not None
    assert receipt.reference == "c7-1"


def test_the_returned_headers_keep_the_case_that_a_return_path_may_lose() -> None:
    returned = "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <AbC-1@mail.example.org>\r\n\r\n"

    receipt = read_report(report("Action: failed", to="bounce+abc-1@mail.example.org", more=returned))

    assert receipt is not None
    assert receipt.reference == "AbC-1"


def test_a_bounce_that_somebody_forwards_is_no_bounce() -> None:
    forwarded = b"To: bounce+c7-1@mail.example.org\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\n"
    forwarded += b"Content-Type: message/rfc822\r\n\r\n" + report("Action: failed", "Status: 5.1.1") + b"\r\n--f--\r\n"

    assert read_report(forwarded) is None


def test_an_absence_note_is_no_bounce() -> None:
    raw = b"To: bounce+c7-1@mail.example.org\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nI am away."

    assert read_report(raw) is None


def test_the_same_report_twice_has_one_key() -> None:
    first, second = read_report(POSTFIX), read_report(b"X-Relay: b\r\n" + POSTFIX)

    assert first is not None
    assert second is not None
    assert first.event_key == second.event_key


def test_nothing_of_the_borrower_is_kept() -> None:
    shown = " ".join(repr(read_report(raw)) for raw in (POSTFIX, EXIM, COMPLAINT))

    for canary in ("ann@", "bob@", "redacted@"):
        assert canary not in shown


@given(st.binary(max_size=400), st.sampled_from([POSTFIX, EXIM, COMPLAINT]), st.integers(0, 2000), st.integers(0, 400))
def test_no_mail_breaks_the_reader(noise: bytes, base: bytes, at: int, cut: int) -> None:
    for raw in (noise, base[:at] + noise + base[at + cut :]):
        receipt = read_report(raw)
        assert receipt is None or receipt.reference


def test_parts_within_parts_do_not_exhaust_the_reader() -> None:
    deep = b"".join(b"Content-Type: multipart/report; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))

    assert read_report(deep) is None


@pytest.mark.parametrize("raw", [POSTFIX, EXIM, COMPLAINT], ids=["postfix", "exim", "complaint"])
def test_a_report_without_our_seal_is_a_forgery(raw: bytes) -> None:
    assert read_report(raw) is not None
    assert parse_report(raw, OURS) is None
    assert parse_report(sealed(raw, ("a guess",)), OURS) is None
    assert parse_report(sealed(raw), Origin(domain=OURS.domain, secrets=())) is None


def test_the_seal_of_another_message_is_no_good() -> None:
    seal = mark(b"c7-1", SECRETS).rpartition(b"=")[2]

    assert parse_report(report("Action: failed", to=f"bounce+c7-2={seal.decode()}@mail.example.org"), OURS) is None


def test_while_a_secret_replaces_another_both_are_believed() -> None:
    receipt = parse_report(sealed(POSTFIX, SECRETS[1:]), OURS)

    assert receipt is not None
    assert receipt.reference == "C7-1"


def test_a_mail_system_may_fold_the_case_of_a_return_path() -> None:
    raw = sealed(report("Action: failed", to="bounce+AbC-1@mail.example.org"))

    receipt = parse_report(
        raw.replace(b"bounce+AbC", b"BOUNCE+abc").replace(b"mail.example.org", b"MAIL.example.org"), OURS
    )

    assert receipt is not None
    assert receipt.reference == "abc-1"


def test_a_forged_id_does_not_hide_a_true_return_path() -> None:
    returned = "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <c9-9@mail.example.org>\r\n\r\n"
    true = sealed(report("Action: failed")).replace(b"--b--", returned.encode() + b"--b--")

    receipt = parse_report(true, OURS)

    assert receipt is not None
    assert receipt.reference == "c7-1"
