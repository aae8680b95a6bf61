"""Standard Webhooks: what others signed is accepted, and nothing else."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.signatures import TOLERANCE_S, Signed, signature, signed_headers, verify

NOW = 1_614_265_330
#: The worked example of the specification's reference libraries.
PUBLISHED = Signed(webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=NOW, body=b'{"test": 2432232314}')
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLISHED_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def good(*secrets: str) -> dict[str, str]:
    return signed_headers(secrets or (SECRET,), PUBLISHED)


def accepted(headers: dict[str, str], body: bytes = PUBLISHED.body, now: float = NOW) -> bool:
    return verify(headers, body, secrets=(SECRET,), now=now)


def test_the_published_example_is_signed_as_published() -> None:
    assert signature(SECRET, PUBLISHED) == PUBLISHED_SIGNATURE
    assert accepted(good())


def test_a_secret_without_the_prefix_is_taken_as_it_stands() -> None:
    assert signature("plain", PUBLISHED) != PUBLISHED_SIGNATURE
    assert signature("whsec_" + base64.b64encode(b"plain").decode(), PUBLISHED) == signature("plain", PUBLISHED)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_empty_or_changed_is_refused(name: str) -> None:
    headers = good()
    assert not accepted({key: value for key, value in headers.items() if key != name})
    assert not accepted(headers | {name: ""})
    for position in range(len(headers[name])):
        value = headers[name]
        flipped = value[:position] + chr(ord(value[position]) ^ 1) + value[position + 1 :]
        assert not accepted(headers | {name: flipped})


@pytest.mark.parametrize("offset", [-TOLERANCE_S, TOLERANCE_S])
def test_a_time_stamp_may_be_five_minutes_off_either_way_and_no_more(offset: int) -> None:
    assert accepted(good(), now=NOW + offset)
    assert not accepted(good(), now=NOW + offset + (1 if offset > 0 else -1))


@pytest.mark.parametrize(
    "stamp", ["1614265330.0", "+1614265330", " 1614265330", "1e9", "١٦١٤٢٦٥٣٣٠", "9" * 5_000, "-1"]
)
def test_a_time_stamp_in_any_other_form_is_refused(stamp: str) -> None:
    headers = good() | {"webhook-timestamp": stamp}
    assert not accepted(headers)


def test_any_of_several_signatures_and_secrets_is_enough() -> None:
    assert accepted(good("newer", SECRET))
    assert verify(good("older"), PUBLISHED.body, secrets=(SECRET, "older"), now=NOW)
    assert not accepted(good("other", "another"))


def test_only_the_first_few_signatures_are_looked_at() -> None:
    many = " ".join(["v1,AAAA"] * 50 + [PUBLISHED_SIGNATURE])
    assert not accepted(good() | {"webhook-signature": many})


def test_another_version_of_signature_is_no_signature() -> None:
    bare = PUBLISHED_SIGNATURE.removeprefix("v1,")
    for forged in (f"v1a,{bare}", f"v2,{bare}", bare, f"v1,{bare}=", f"v1 {bare}"):
        assert not accepted(good() | {"webhook-signature": forged})


def test_without_a_secret_nothing_is_accepted() -> None:
    assert not verify(good(), PUBLISHED.body, secrets=(), now=NOW)


def test_the_same_signature_fits_no_other_split_of_id_and_body() -> None:
    moved = replace(
        PUBLISHED, webhook_id=PUBLISHED.webhook_id[:-1], body=PUBLISHED.webhook_id[-1:].encode() + PUBLISHED.body
    )
    headers = good() | {"webhook-id": moved.webhook_id}
    assert not accepted(headers, moved.body)


@given(body=st.binary(max_size=50), header=st.text(max_size=50), stamp=st.integers(0, 2**40))
def test_what_nobody_signed_is_refused_and_raises_nothing(body: bytes, header: str, stamp: int) -> None:
    headers = {"webhook-id": header or "x", "webhook-timestamp": str(stamp), "webhook-signature": header}
    assert not verify(headers, body, secrets=(SECRET,), now=float(stamp))
