"""Twilio's callbacks: our verifier against Twilio's own validator, and what a callback says."""

import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from channels.sms import twilio_webhook
from channels.sms.twilio import CODES
from duecourse.domain.message import Receipt, WebhookRequest
from duecourse.domain.vocabulary import ReceiptKind

TOKEN = "canary-auth-token"
KEY, SHARED = "webhooks_sharedkey_1", "canary-shared-secret"
URL = "https://due.example.com/webhooks/twilio?ref=c7-1"
SID = "SM" + "0c" * 16
FORM = "application/x-www-form-urlencoded"
SETTINGS = {None: "", KEY: f"key={KEY},algorithm=HMAC_SHA256"}

Fields = list[tuple[str, str]]


class _Fields:
    """A form with repeated fields, as the validator knows it from web frameworks."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __iter__(self) -> Any:
        return iter({name for name, _ in self._fields})

    def __bool__(self) -> bool:
        return bool(self._fields)

    def getall(self, name: str) -> list[str]:
        return [value for key, value in self._fields if key == name]


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
forms = st.lists(st.tuples(text.filter(bool), text), max_size=6)
queries = st.lists(st.tuples(st.from_regex(r"[a-z]{1,5}", fullmatch=True), text), max_size=3)
urls = st.builds(
    lambda scheme, port, query: (
        f"{scheme}://due.example.com{port}/webhooks/twilio{'?' if query else ''}{urlencode(query)}"
    ),
    st.sampled_from(["https", "http"]),
    st.sampled_from(["", ":443", ":80", ":8080"]),
    queries,
)
schemes = st.sampled_from([(None, "HMAC_SHA1"), (KEY, "HMAC_SHA256")])


def request(
    url: str = URL, fields: Iterable[tuple[str, str]] = (), *, signature: str | None, key: str | None = None
) -> WebhookRequest:
    headers = {"content-type": FORM + "; charset=utf-8"}
    if signature is not None:
        headers["x-twilio-signature"] = signature
    if SETTINGS[key]:
        headers["x-twilio-webhooks-signature-settings"] = SETTINGS[key]
    return WebhookRequest(url=url, headers=headers, body=urlencode(list(fields)).encode())


def verified(asked: WebhookRequest) -> bool:
    return twilio_webhook.verify(asked, [TOKEN], {KEY: [SHARED]})


def secret_of(key: str | None) -> str:
    return SHARED if key else TOKEN


@given(url=urls, fields=forms, scheme=schemes)
def test_what_we_sign_twilios_validator_accepts(url: str, fields: Fields, scheme: tuple[str | None, str]) -> None:
    key, algorithm = scheme
    signature = twilio_webhook.sign(url, fields, secret_of(key), algorithm)

    assert RequestValidator(secret_of(key)).validate(url, _Fields(fields), signature, algorithm)


@given(url=urls, fields=forms, scheme=schemes)
def test_what_twilios_validator_signs_we_accept(url: str, fields: Fields, scheme: tuple[str | None, str]) -> None:
    key, algorithm = scheme
    signature = RequestValidator(secret_of(key)).compute_signature(url, _Fields(fields), algorithm)

    assert verified(request(url, fields, signature=signature, key=key))


@given(signed=urls, received=urls, fields=forms, other=forms, scheme=schemes)
def test_we_refuse_exactly_what_twilios_validator_refuses(
    signed: str, received: str, fields: Fields, other: Fields, scheme: tuple[str | None, str]
) -> None:
    key, algorithm = scheme
    validator = RequestValidator(secret_of(key))
    signature = validator.compute_signature(signed, _Fields(fields), algorithm)
    for url, sent in ((signed, fields), (received, fields), (signed, other), (signed, fields[::-1])):
        expected = validator.validate(url, _Fields(sent), signature, algorithm)
        assert verified(request(url, sent, signature=signature, key=key)) is expected


@given(fields=forms.filter(bool), at=st.integers(min_value=0), change=text.filter(bool))
def test_a_changed_field_is_refused(fields: Fields, at: int, change: str) -> None:
    signature = twilio_webhook.sign(URL, fields, TOKEN)
    index = at % len(fields)
    changed = [*fields]
    changed[index] = (fields[index][0], fields[index][1] + change)

    accepted = verified(request(fields=changed, signature=signature))

    assert accepted is RequestValidator(TOKEN).validate(URL, _Fields(changed), signature)


@pytest.mark.parametrize("port", ["", ":443"])
@pytest.mark.parametrize("signed_port", ["", ":443"])
def test_the_port_may_be_named_or_not(port: str, signed_port: str) -> None:
    fields = [("MessageSid", SID)]
    signature = twilio_webhook.sign(f"https://due.example.com{signed_port}/w?ref=1", fields, TOKEN)

    assert verified(request(f"https://due.example.com{port}/w?ref=1", fields, signature=signature))


@pytest.mark.parametrize("body", [b'{"a": 1}', b""])
def test_a_body_that_is_no_form_is_signed_by_its_hash(body: bytes) -> None:
    url = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    headers = {"content-type": "application/json", "x-twilio-signature": signature}

    assert RequestValidator(TOKEN).validate(url, body.decode(), signature)
    assert verified(WebhookRequest(url=url, headers=headers, body=body))
    assert not verified(WebhookRequest(url=url, headers=headers, body=body + b" "))


def test_a_body_that_nothing_signs_is_refused() -> None:
    headers = {"content-type": "application/json", "x-twilio-signature": twilio_webhook.sign(URL, [], TOKEN)}

    assert not verified(WebhookRequest(url=URL, headers=headers, body=b'{"a": 1}'))


def test_an_unsigned_request_is_refused() -> None:
    assert not verified(request(signature=None))
    assert not verified(request(signature=""))
    assert not verified(request(signature="ü" * 28))


def test_a_replaced_token_still_verifies_until_it_is_taken_out() -> None:
    asked = request(signature=twilio_webhook.sign(URL, [], "the old one"))

    assert twilio_webhook.verify(asked, [TOKEN, "the old one"], {})
    assert not twilio_webhook.verify(asked, [TOKEN], {})


def test_a_shared_key_counts_only_under_its_own_name() -> None:
    by_token = twilio_webhook.sign(URL, [], TOKEN, "HMAC_SHA256")
    by_shared = twilio_webhook.sign(URL, [], SHARED, "HMAC_SHA256")

    assert verified(request(signature=by_shared, key=KEY))
    assert not verified(request(signature=by_token, key=KEY))
    assert not twilio_webhook.verify(request(signature=by_shared, key=KEY), [TOKEN], {"another": [SHARED]})


def test_an_algorithm_that_nobody_knows_is_refused() -> None:
    headers = {
        "content-type": FORM,
        "x-twilio-signature": twilio_webhook.sign(URL, [], SHARED),
        "x-twilio-webhooks-signature-settings": f"key={KEY},algorithm=MD5",
    }

    assert not verified(WebhookRequest(url=URL, headers=headers, body=b""))


def test_a_body_that_is_no_text_is_refused_and_says_nothing() -> None:
    for body in (b"\xff\xfe", b"a=%ff", b"&".join([b"a=1"] * 300)):
        headers = {"content-type": FORM, "x-twilio-signature": twilio_webhook.sign(URL, [], TOKEN)}
        asked = WebhookRequest(url=URL, headers=headers, body=body)
        assert not verified(asked)
        assert twilio_webhook.parse(asked, CODES) == []


def parsed(fields: dict[str, str], url: str = URL) -> list[Receipt]:
    return twilio_webhook.parse(request(url, fields.items(), signature=None), CODES)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("delivered", ReceiptKind.DELIVERED),
        ("undelivered", ReceiptKind.UNDELIVERED),
        ("failed", ReceiptKind.UNDELIVERED),
        ("canceled", ReceiptKind.UNDELIVERED),
        ("read", ReceiptKind.READ),
        ("queued", None),
        ("accepted", None),
        ("scheduled", None),
        ("sending", None),
        ("sent", None),
        ("receiving", None),
        ("received", None),
        ("partially_delivered", None),
        ("a status of tomorrow", None),
    ],
)
def test_a_status_callback_becomes_a_receipt_where_it_says_an_end(status: str, kind: ReceiptKind | None) -> None:
    receipts = parsed({"MessageSid": SID, "MessageStatus": status, "To": "+12025550123", "AccountSid": "AC1"})

    expected = (
        Receipt(event_key=f"{SID}:{status}", kind=kind, reference="c7-1", provider_message_id=SID) if kind else None
    )
    assert receipts == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("code", "address_invalid"),
    [
        ("30001", False),
        ("30003", False),
        ("30004", False),
        ("30005", True),
        ("30006", True),
        ("30007", False),
        ("30008", False),
        ("30034", False),
        ("21211", True),
        ("21614", True),
        ("21635", True),
        ("39999", False),
    ],
)
def test_a_failed_message_keeps_its_code_and_flags_a_dead_number(code: str, *, address_invalid: bool) -> None:
    [receipt] = parsed({"MessageSid": SID, "MessageStatus": "undelivered", "ErrorCode": code})

    assert (receipt.code, receipt.address_invalid) == (code, address_invalid)


def test_a_message_to_somebody_who_had_opted_out_records_the_opt_out_too() -> None:
    receipts = parsed({"MessageSid": SID, "MessageStatus": "failed", "ErrorCode": "21610", "To": "+12025550123"})

    assert [receipt.kind for receipt in receipts] == [ReceiptKind.UNDELIVERED, ReceiptKind.OPTED_OUT]
    assert receipts[1].address == "+12025550123"
    assert len({receipt.event_key for receipt in receipts}) == 2


@pytest.mark.parametrize(
    ("opt_out", "kind"),
    [
        ("STOP", ReceiptKind.OPTED_OUT),
        ("START", ReceiptKind.REPLIED),
        ("HELP", ReceiptKind.REPLIED),
        (None, ReceiptKind.REPLIED),
    ],
)
def test_an_inbound_message_is_a_reply_or_an_opt_out(opt_out: str | None, kind: ReceiptKind) -> None:
    form = {
        "MessageSid": SID,
        "SmsStatus": "received",
        "From": "+12025550123",
        "To": "+15005550006",
        "Body": "停 Stop it",
    }
    [receipt] = parsed(form | ({"OptOutType": opt_out} if opt_out else {}), "https://due.example.com/webhooks/twilio")

    assert (receipt.kind, receipt.address, receipt.text) == (kind, "+12025550123", "停 Stop it")
    assert receipt.reference is None
    assert "+12025550123" not in repr(receipt)
    assert "Stop it" not in repr(receipt)


def test_the_same_callback_twice_has_one_key_and_another_status_has_another() -> None:
    form = {"MessageSid": SID, "MessageStatus": "delivered"}

    assert parsed(form)[0].event_key == parsed(form)[0].event_key
    assert parsed(form)[0].event_key != parsed(form | {"MessageStatus": "read"})[0].event_key


@given(st.binary(max_size=200))
def test_no_body_breaks_the_parser(body: bytes) -> None:
    asked = WebhookRequest(url=URL, headers={"content-type": FORM}, body=body)

    assert isinstance(twilio_webhook.parse(asked, CODES), list)
    assert twilio_webhook.verify(asked, [TOKEN], {}) is False


def test_the_signature_is_the_published_one() -> None:
    """The example of Twilio's documentation on validating requests."""
    fields = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"

    signature = twilio_webhook.sign(url, fields, "12345")

    assert signature == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert RequestValidator("12345").validate(url, dict(fields), signature)
