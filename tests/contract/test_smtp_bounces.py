"""Bounces that the gateway posts: which are believed."""

import pytest

from duecourse.domain.message import WebhookRequest
from duecourse.domain.vocabulary import ReceiptKind
from tests.contract.fake_smtp import FakeSmtp
from tests.contract.mailing import TOKEN, Make, outbound

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
